"""docs/extending.md does what it says: its examples are put in place and run."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from conftest import ROOT, checkout

PAGE = (ROOT / "docs" / "extending.md").read_text()


def write_files(folder) -> None:
    """The blocks of the page below a file's name."""
    for name, content in re.findall(r"^`([\w./]+)`:\n\n```\w*\n(.*?)^```$", PAGE, re.M | re.S):
        assert not (folder / name).exists(), f"{name} exists"
        (folder / name).write_text(content)


def apply_changes(folder) -> None:
    """The diffs of the page, each hunk at the only place where it fits."""
    for diff in re.findall(r"^```diff\n(.*?)^```$", PAGE, re.M | re.S):
        for name, hunks in re.findall(r"^--- (\S+)\n(.*?)(?=^--- |\Z)", diff, re.M | re.S):
            text = (folder / name).read_text()
            for hunk in hunks.removeprefix("@@\n").split("@@\n"):
                lines = hunk.splitlines(keepends=True)
                before = "".join(line[1:] for line in lines if not line.startswith("+"))
                after = "".join(line[1:] for line in lines if not line.startswith("-"))
                assert text.count(before) == 1, f"{name} has this not once:\n{before}"
                text = text.replace(before, after)
            (folder / name).write_text(text)


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the project with the page's examples, and what its command makes."""
    folder = checkout(tmp_path_factory.mktemp("extended"))
    write_files(folder)
    apply_changes(folder)
    (command,) = re.findall(r"^    snakemake (.*)$", PAGE, re.M)
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *command.split()],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(folder / "workflow")},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    return folder / "results"


def test_the_data_set_has_stripes(extended):
    images = xr.open_zarr(extended / "stripes/images.zarr").images
    assert images.shape == (1200, 1, 16, 16)
    # The same in each row, and the same again after 5 pixels.
    np.testing.assert_array_equal(images[:, :, 0], images[:, :, -1])
    np.testing.assert_allclose(images[..., :-5], images[..., 5:], atol=1e-5)


def test_the_network_is_linear_and_has_learned_to_denoise(extended):
    basis = xr.open_zarr(extended / "stripes/linear/S1-900/eigenbasis.zarr")
    np.testing.assert_allclose(basis.shrinkage, basis.shrinkage[[0] * 4], atol=1e-5)
    noisy, denoised = (np.square(basis[a] - basis.clean).mean() for a in ("noisy", "denoised"))
    assert denoised < 0.75 * noisy


def test_the_figure_is_drawn_with_its_numbers(extended):
    drawn = extended / "figures/mine/ascent_stripes_linear.pdf"
    assert drawn.read_bytes().startswith(b"%PDF")
    assert drawn.with_suffix(".csv").read_text().startswith("samples,diverged,median_steps\n64,")
