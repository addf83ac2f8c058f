"""The examples of docs/extending.md are put in place, counted, run and tested."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from conftest import ROOT, checkout

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "extending.md").read_text()
#: Anchor, number of files and files of each row of the table.
ROWS = re.findall(r"^\| \[.*?\]\(#(.*?)\) \| (\d+) \| (.*) \|$", PAGE, re.M)
SECTIONS = {
    title.lower().replace(" ", "-"): text
    for title, text in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
}
#: Files made by `make docs`.
MADE = {"docs/config.md", "docs/architecture.md", "workflow/schemas/config.schema.json"}
#: Maximum number of changed files.
MOST = {"a-reference": 3, "a-stage-with-a-store": 5, "a-figure": 3}


def blocks(text: str) -> list[tuple[str, str]]:
    """The blocks below a file's name."""
    return re.findall(r"^`([\w./]+)`:\n\n```\w*\n(.*?)^```$", text, re.M | re.S)


def changes(text: str) -> list[tuple[str, str]]:
    """The files changed by the diffs, and the hunks of each."""
    diffs = re.findall(r"^```diff\n(.*?)^```$", text, re.M | re.S)
    return re.findall(r"^--- (\S+)\n(.*?)(?=^--- |\Z)", "".join(diffs), re.M | re.S)


def apply(folder: Path) -> None:
    """Apply all blocks and diffs of the page, each hunk at the only place where it fits."""
    for name, content in blocks(PAGE):
        assert not (folder / name).exists(), f"{name} exists"
        (folder / name).write_text(content)
    for name, hunks in changes(PAGE):
        text = (folder / name).read_text()
        for hunk in hunks.removeprefix("@@\n").split("@@\n"):
            lines = hunk.splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if not line.startswith("+"))
            after = "".join(line[1:] for line in lines if not line.startswith("-"))
            assert text.count(before) == 1, f"{name} has this not once:\n{before}"
            text = text.replace(before, after)
        (folder / name).write_text(text)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the project with the page's examples."""
    folder = checkout(tmp_path_factory.mktemp("extended"))
    for name in ("tests", "docs"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "pyproject.toml", folder)
    apply(folder)
    return folder


def python(project: Path, *arguments: str) -> None:
    """Run python in the copy, with its modules. Asserts that it succeeds."""
    paths = os.pathsep.join([str(project / "workflow"), str(project / "tests")])
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": paths},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout


def test_every_example_is_in_the_table():
    examples = {s for s, text in SECTIONS.items() if changes(text) or len(blocks(text)) > 1}
    assert {anchor for anchor, *_ in ROWS} == examples


@pytest.mark.parametrize(("anchor", "count", "files"), ROWS)
def test_the_table_counts_the_changed_files(anchor, count, files):
    listed, text = re.findall("`(.*?)`", files), SECTIONS[anchor]
    assert {name for name, _ in blocks(text) + changes(text)} == set(listed) - MADE
    assert len(set(listed)) == len(listed) == int(count) <= MOST.get(anchor, 5)


def test_no_other_page_changes(project):
    python(project, "docs/generate.py")
    for page in MADE:
        before = set((ROOT / page).read_text().splitlines())
        after = (project / page).read_text().splitlines()
        added = "\n".join(line for line in after if line not in before)
        counted = [files for _, _, files in ROWS if page in files]
        assert bool(added) == bool(counted), page
        for files in counted:
            assert re.search(rf"\b{Path(files.split('`')[1]).stem}\b", added, re.I)


def test_the_tests_of_the_examples_pass(project):
    new = [name for name, _ in blocks(PAGE) if name.startswith("tests/")]
    assert len(new) == 4
    figures = ["tests/unit/test_figure_seeds.py", "-k", "shifts or every_figure"]
    python(project, "-m", "pytest", "-n0", *new)
    python(project, "-m", "pytest", "-n0", *figures)


def test_the_structure_tests_pass(project):
    chosen = "takes or forgets or its_script or names_a_figure or one_way or benchmark"
    python(project, "-m", "pytest", "-n0", "tests/unit/test_house.py", "-k", chosen)


@pytest.fixture(scope="module")
def extended(project) -> Path:
    """The result of the page's command."""
    (command,) = re.findall(r"^    snakemake (.*)$", PAGE, re.M)
    python(project, "-m", "snakemake", *command.split())
    return project / "results"


def test_the_data_set_has_stripes(extended):
    images = xr.open_zarr(extended / "stripes/images.zarr").images
    assert images.shape == (1200, 1, 16, 16)
    np.testing.assert_array_equal(images[:, :, 0], images[:, :, -1])
    np.testing.assert_allclose(images[..., :-5], images[..., 5:], atol=1e-5)


def test_the_network_is_linear_and_has_learned_to_denoise(extended):
    basis = xr.open_zarr(extended / "stripes/linear/S1-500-seed0/eigenbasis.zarr")
    np.testing.assert_allclose(basis.shrinkage, basis.shrinkage[[0] * 4], atol=1e-5)
    noisy, denoised = (np.square(basis[a] - basis.clean).mean() for a in ("noisy", "denoised"))
    assert denoised < 0.75 * noisy


def test_the_reference_shrinks_all_directions_alike(extended):
    basis = xr.open_zarr(extended / "stripes/isotropic/S1-500-seed0/eigenbasis.zarr")
    # The variance of a sine of contrast c is c^2 / 8, with mean 1/24.
    variance, sigma = 1 / 24, 0.15
    np.testing.assert_allclose(basis.shrinkage, variance / (variance + sigma**2), rtol=0.03)


def test_shifts_matter_to_the_network_at_its_borders_and_not_to_the_reference(extended):
    network, reference = (
        xr.open_zarr(extended / f"stripes/{name}/S1-500-seed0/equivariance.zarr").error
        for name in ("linear", "isotropic")
    )
    assert network.shape == reference.shape == (15, 200)
    assert float(reference.max()) < 0.05 < float(network.median()) < 1


@pytest.mark.parametrize("denoiser", ["linear", "isotropic"])
def test_the_figure_is_drawn_with_its_numbers(extended, denoiser):
    drawn = extended / f"figures/mine/shifts_stripes_{denoiser}.pdf"
    assert drawn.read_bytes().startswith(b"%PDF")
    store = xr.open_zarr(extended / f"stripes/{denoiser}/S1-500-seed0/equivariance.zarr")
    header, row = drawn.with_suffix(".csv").read_text().splitlines()
    assert (header, row) == ("N,error", f"500,{float(store.error.median()):.3f}")


def test_the_new_closed_form_is_compared_with_the_others(extended):
    """The best linear denoiser is closer to a linear network."""
    found = xr.open_zarr(extended / "stripes/linear/S1-500-seed0/agreement-explained.zarr")
    assert list(found.against.values) == ["isotropic", "wiener", "memorizer", "other images"]
    r2 = found.r2.sel(points="noisy test images").median("image")
    assert (r2.sel(against="isotropic") < r2.sel(against="wiener")).all()
    assert (r2.sel(against="other images") > 0.99).all()
