"""Figures over several seeds, their declarations, and the scripts that draw them."""

import ast
import csv
import importlib
import itertools
import re
from pathlib import Path
from types import SimpleNamespace

import jinja2
import numpy as np
import pytest
import scripts.figure
import scripts.page
import scripts.summary
from conftest import ROOT
from docutils.core import publish_parts
from figure_stores import (
    DATASETS,
    FIGURES,
    INPUT_PSNR,
    RANGE,
    SIDE,
    assert_legible,
    curves_of,
    draw_curves,
    eigenbasis_store,
    psnr_store,
    sample_stores,
    several,
    stores_of,
    words,
)
from gahb import store
from gahb.drawing.stores import Stores
from gahb.figures import (
    disks,
    geometry,
    new_images,
    pairs,
    psnr_curves,
    samples,
    shrinkage,
    slopes,
)
from gahb.summaries import tables


def caption(name: str) -> str:
    (path,) = (ROOT / "workflow" / "report").rglob(f"{name}.rst")
    return path.read_text()


# Several seeds.


def test_curves_are_medians_in_bands():
    stores = stores_of(psnr={10: tuple(psnr_store(0.6, level) for level in (16, 12, 13))})
    figure = psnr_curves.draw(stores, {"sizes": [10]})
    assert_legible(figure)
    for ax in figure.axes:
        (curve,), (band,) = curves_of(ax), ax.collections
        np.testing.assert_allclose(curve.get_ydata(), 13 + 0.6 * INPUT_PSNR)
        heights = band.get_paths()[0].vertices[:, 1] - 0.6 * band.get_paths()[0].vertices[:, 0]
        np.testing.assert_allclose([heights.min(), heights.max()], [12, 16])
    assert not any(ax.collections for ax in draw_curves([10]).axes)


@pytest.mark.parametrize("name", FIGURES)
def test_several_seeds_are_drawn_and_mentioned(name):
    figure = FIGURES[name]
    stores, shown = several(3)[figure]
    assert_legible(figure.draw(stores, shown))
    for alone, row in zip(
        figure.numbers(*several(1)[figure]), figure.numbers(stores, shown), strict=True
    ):
        measured = [column.removesuffix("_low") for column in row if column.endswith("_low")]
        assert measured
        assert [c for c in row if not c.endswith(("_low", "_high"))] == [
            c for c in alone if not c.endswith(("_low", "_high"))
        ]
        for column in measured:
            assert row[f"{column}_low"] <= row[column] <= row[f"{column}_high"]
    row = figure.numbers(stores, shown)[0]  # references, which have no seeds, come last
    if "slope" in row:
        # The slopes of the three seeds lie 0.02 apart.
        assert row["slope_high"] - row["slope"] == pytest.approx(0.02)
        assert row["slope"] - row["slope_low"] == pytest.approx(0.02)


def test_histograms_hold_the_samples_of_all_seeds_and_pairs_once():
    figure = pairs.draw(sample_stores([10], diverged=2, seeds=3), {"sizes": [10]})
    for count in ("S_2$ (10)", "networks (12)", "image (24)"):
        assert count in words(figure)
    figure = samples.draw(sample_stores([10], diverged=2, seeds=3), {"sizes": [10]})
    assert "12/12\n6 lost" in words(figure)


def test_medians_over_seeds():
    row = {"N": 10, "slope": 0.5, "kept": 4, "between": np.nan}
    assert tables.over_seeds([row]) is row
    others = [row | {"slope": 0.9, "kept": 2}, row | {"slope": 0.6, "between": 0.3}]
    assert tables.over_seeds([row, *others]) == {
        "N": 10, "slope": 0.6, "slope_low": 0.5, "slope_high": 0.9, "kept": 4, "kept_low": 2,
        "kept_high": 4, "between": 0.3, "between_low": 0.3, "between_high": 0.3,
    }  # fmt: skip


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_interval_of_the_median_has_its_coverage(count):
    found = np.random.default_rng(0).exponential(size=(4000, count))
    rows = [tables.over_seeds([{"x": x} for x in each]) for each in found]
    held = np.mean([row["x_low"] < np.log(2) < row["x_high"] for row in rows])
    assert held == pytest.approx(1 - 2 ** (1 - count), abs=0.03)


def test_the_ceiling_is_drawn_and_mentioned_where_requested():
    shown = {"sizes": [1, 10, 100]}
    stores = sample_stores(shown["sizes"], diverged=2, seeds=3, same=True)
    figure = samples.draw(stores, shown)
    assert_legible(figure)
    assert "another seed" in words(figure)
    row = samples.numbers(stores, shown)[0]
    found = [row[name] for name in ("ceiling_low", "ceiling", "ceiling_high")]
    assert found == pytest.approx([0.9, 0.91, 0.92])
    some = [of for of in stores._opened if of[1].get("pair") != "same" or of[1]["N"] > 1]
    for module in (samples, new_images):
        figure = module.draw(Stores(some), shown)
        assert_legible(figure)
        assert "another seed" in words(figure)
    without = sample_stores(shown["sizes"], diverged=2, seeds=3)
    assert "another seed" not in words(samples.draw(without, shown))
    assert "ceiling" not in samples.numbers(without, shown)[0]


def test_stores_of_the_same_seed_are_not_mistaken_for_seeds():
    with pytest.raises(ValueError, match=r"more than one store of samples.*seed 0"):
        sample_stores([10]).of("samples", N=10)


# Declarations.


def declared(figure) -> dict:
    """A figure's declaration as read by the planning, without running its module."""
    for statement in ast.parse(Path(figure.__file__).read_text()).body:
        if isinstance(statement, ast.Assign) and statement.targets[0].id == "FIGURE":
            return ast.literal_eval(statement.value)
        assert isinstance(statement, ast.Expr | ast.Import | ast.ImportFrom)


def test_every_figure_is_tested():
    folder = ROOT / "workflow" / "gahb" / "figures"
    names = [
        ".".join(path.relative_to(folder).with_suffix("").parts) for path in folder.rglob("*.py")
    ]
    modules = [importlib.import_module(f"gahb.figures.{name}") for name in names]
    assert {m for m in modules if hasattr(m, "FIGURE")} == set(FIGURES.values())


@pytest.mark.parametrize("name", FIGURES)
def test_figures_declare_what_they_read_and_use(name):
    figure = declared(FIGURES[name])
    assert figure == FIGURES[name].FIGURE
    module = Path(FIGURES[name].__file__).read_text()
    kinds = set(re.findall(r'stores\.(?:of|first)\("(\w+)"', module))
    assert kinds == set(figure["reads"])
    given = {"datasets", "denoiser", "denoisers", "sizes", "references", "optimum", *figure["uses"]}
    assert set(re.findall(r'shown\["(\w+)"\]', module)) <= given
    words = set(re.findall(r"shown\.(\w+)", caption(name)))
    assert words <= given | {"linear", "seeds", "jobs", "private", "drawn"}
    # All declared stores are used.
    assert set(figure["uses"]) <= words | set(re.findall(r'shown\["(\w+)"\]', module))


@pytest.mark.parametrize(
    ("name", "seeds"),
    [*itertools.product([*FIGURES, "page", "summary"], (1, 3)), ("samples", 0), ("patches", 0)],
)
def test_captions_are_valid(name, seeds, tmp_path):
    """As reStructuredText without a warning; seeds and a ceiling are mentioned where they exist."""
    numbers = tmp_path / "a.csv"
    numbers.write_text("N,slope\n1,0.5\n")
    pair = {"pair": ["single", "disjoint", "same"][min(seeds, 2)]}  # 0 for a single network
    row = {"stores": {"psnr": ["a"] * seeds} | ({"ceiling": ["a"]} if seeds > 1 else {})}
    values = RANGE | {
        "denoiser": "unet", "datasets": ["one"], "sizes": [1, 10], "seeds": seeds, "rows": [row],
        "private": seeds > 1, "drawn": False,
        "jobs": {"similarity": [pair]}, "count": 64, "sigma": [0.1], "precision": "float32",
        "alphas": [1], "patch": 4, "steps": 20, "noises": 4,
        "references": ["wiener"] if seeds == 1 else [],  # not every study has one
        "input_psnr": [0, 40], "source": ["disks"], "sampler": "ode", "pixels": 32,
        "denoisers": ["unet"], "optimum": "optimum" if seeds > 1 else None, "linear": "wiener",
    }  # fmt: skip
    snakemake = SimpleNamespace(
        params=SimpleNamespace(values=values),
        output=SimpleNamespace(numbers=numbers, summary=numbers),
    )
    # As Snakemake reads captions.
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    text = environment.from_string(caption(name)).render(snakemake=snakemake)
    html = publish_parts(text, writer_name="html", settings_overrides={"halt_level": 2})["body"]
    assert ("3 seeds" in html or "several seeds" in html) == (seeds > 1 and name != "page")
    assert ("ceiling" in html) == (
        (seeds > 1 and name in ("samples", "summary")) or name == "agreement"
    )


@pytest.mark.parametrize(
    ("figure", "ranks"), [(shrinkage, 64), (geometry, 64), (disks, 16), (slopes, 8)]
)
def test_only_the_part_of_eigenbases_that_is_shown_is_read(figure, ranks, tmp_path, monkeypatch):
    """All other parts may be damaged."""
    # A chunk holds 8 ranks of one image at one noise level.
    monkeypatch.setattr(store, "CHUNK_BYTES", 8 * 8 * SIDE**2)
    basis = eigenbasis_store(images=5, sigmas=[0.1, 0.2])
    paths = [tmp_path / f"{seed}.zarr" for seed in range(3)]
    for path in paths:
        store.save(basis.assign_attrs(store.provenance("Eigenbasis", {})), path)
        for chunk in path.glob("vectors/c/*/*/*/0/0/0"):
            _, sigma, rank = map(int, chunk.relative_to(path / "vectors/c").parts[:3])
            if path != paths[0] or sigma > 0 or 8 * rank >= ranks:
                chunk.write_bytes(b"damaged")
    bases = tuple(map(store.open_store, paths))
    assert all(map(store.problems, paths))
    both = 2 if figure.FIGURE["compares"] == "datasets" else 1
    stores = stores_of(psnr=[(psnr_store(0.5),) * 3] * both, eigenbasis=[bases] * both)
    figure.draw(stores, RANGE | {"alphas": [1, 2], "datasets": DATASETS[:2]})


# Scripts.


def saved(folder: Path, **data) -> dict[str, str]:
    """Paths of stores, by name."""
    for name, dataset in data.items():
        store.save(dataset.assign_attrs(store.provenance(name, {})), folder / f"{name}.zarr")
    return {name: str(folder / f"{name}.zarr") for name in data}


def table(path: Path) -> list[dict]:
    return list(csv.DictReader(path.open()))


def test_script_draws_a_figure_and_writes_its_numbers(tmp_path):
    paths = saved(tmp_path, few=psnr_store(0.5), a=psnr_store(0.6), b=psnr_store(0.8))
    files = [tmp_path / name for name in ("a.pdf", "a.png", "a.csv")]
    of = {"dataset": "one", "subset": "S1"}
    jobs = [of | {"N": 1, "seed": 0}, of | {"N": 10, "seed": 1}, of | {"N": 10, "seed": 0}]
    scripts.figure.main(
        *files, figure="psnr_curves", jobs={"psnr": jobs[::2]}, psnr=[paths["few"], paths["a"]],
        denoiser="unet", datasets=["one"], sizes=[1, 10], slope_range=[10, 20], count=3,
        private=False,
    )  # fmt: skip
    assert [row["slope"] for row in table(files[2])] == ["0.500", "0.600"]
    assert all(file.stat().st_size for file in files)
    scripts.figure.main(
        *files, figure="psnr_curves", jobs={"psnr": jobs[1:]}, psnr=[paths["b"], paths["a"]],
        denoiser="unet", datasets=["one"], sizes=[10], slope_range=[10, 20], count=3,
        private=False,
    )  # fmt: skip
    (row,) = table(files[2])
    assert (row["slope_low"], row["slope"], row["slope_high"]) == ("0.600", "0.700", "0.800")


def test_script_of_the_page(tmp_path):
    paths = saved(tmp_path, basis=eigenbasis_store(3, images=2))
    scripts.page.main([paths["basis"]], tmp_path / "a.html", denoiser="unet", private=False)
    assert "data:image/png;base64" in (tmp_path / "a.html").read_text()


def test_the_summary_has_the_columns_that_the_studies_need(tmp_path):
    stores = sample_stores([10], seeds=3, same=True)
    same = stores.of("similarity", N=10, pair="same")
    paths = saved(
        tmp_path, psnr=psnr_store(0.5), second=psnr_store(0.8), basis=eigenbasis_store(),
        disjoint=stores.first("similarity", pair="disjoint"), same_0=same[0], same_1=same[1],
    )  # fmt: skip
    row = {
        "study": "a",
        "dataset": "one",
        "denoiser": "unet",
        "N": 10,
        "alpha": None,
        "judged": True,
    }
    of = {name: {"of": name} for name in paths}
    one = row | {"stores": {"psnr": [of["psnr"]], "eigenbasis": [of["basis"]]}}
    two = row | {
        "alpha": 1,
        "stores": {
            "psnr": [of["psnr"], of["second"]],
            "similarity": [of["disjoint"]] * 2,
            "ceiling": [of["same_0"], of["same_1"]],
        },
    }
    kinds = {
        "psnr": ["psnr", "second"],
        "eigenbasis": ["basis"],
        "similarity": ["disjoint", "same_0", "same_1"],
    }
    file = tmp_path / "summary.csv"

    def write(*rows):
        scripts.summary.main(
            file, tmp_path / "summary.json", rows=rows, slope_range=[10, 20],
            kinds={"ceiling": "similarity"},
            jobs={kind: [of[name] for name in names] for kind, names in kinds.items()},
            **{kind: [paths[name] for name in names] for kind, names in kinds.items()},
        )  # fmt: skip

    write(one)
    assert ",".join(table(file)[0]) == (
        "study,dataset,denoiser,N,train_psnr,test_psnr,gap,slope,slope_low,slope_high,"
        "dimension,asymmetry"
    )
    write(one, two)
    first, second = table(file)
    assert first["seeds"] == first["ceiling"] == second["dimension"] == ""
    assert (second["seeds"], second["minimax_slope"]) == ("2", "0.500")
    assert "at_risk" not in second  # for a single N that was tested
    found = [second[name] for name in ("slope_low", "slope", "slope_high", "ceiling")]
    assert found == ["0.500", "0.650", "0.800", "0.905"]
    write(two, two | {"N": 100}, two | {"N": 100, "denoiser": "other"})
    assert [row["at_risk"] for row in table(file)] == ["yes", "yes", ""]
