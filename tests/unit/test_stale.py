"""Stale results are explained briefly."""

import json

import pytest
from study.origins import MOST, differences, marker
from study.stale import why

ROW = {"study": "pair", "dataset": "calpha", "denoiser": "tiny", "alpha": 2.0}
ROWS = [ROW | {"N": N, "stores": {"psnr": [f"results/{N}/psnr.zarr"]}} for N in (1, 8, 50)]
STYLE = ("code 12 paper.mplstyle=34", "code 12 paper.mplstyle=56")


def said(before, now) -> str:
    """Differences of values, or of code."""
    sides = [
        {"values": side, "code": "code 12"} if isinstance(side, dict) else
        {"values": {}, "code": side}
        for side in (before, now)
    ]  # fmt: skip
    return "; ".join(differences(*sides))


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ({"rows": ROWS[:2]}, {"rows": ROWS}, "rows added: N = 50"),
        ({"rows": ROWS}, {"rows": ROWS[1:]}, "rows removed: N = 1"),
        ({"rows": ROWS[1:]}, {"rows": ROWS[1::-1]}, "rows added: N = 1; rows removed: N = 50"),
        (
            {"jobs": {"psnr": ROWS[:1]}, "sizes": [1]},
            {"jobs": {"psnr": ROWS[:2]}, "sizes": [1, 8]},
            "jobs.psnr added: N = 8; sizes was [1], is [1, 8]",
        ),
        ({"rows": ROWS[:2]}, {"rows": ROWS[1::-1]}, "the order of rows has changed"),
        ({"seed": 81, "initialization_seed": 5}, {"seed": 7, "initialization_seed": 9},
         "the seed has changed"),
        ({"files": "0f"}, {"files": "1e"}, "the files that it is made from have changed"),
        (*STYLE, "the style sheet has changed"),
        ("code 12 mine.py=34", "code 12 mine.py=56", "mine.py has changed"),
        ("code 12", "code 13", "the code that it runs has changed"),
        ({"count": 4}, {"count": 5}, "count was 4, is 5"),
        ({"recipe": {"steps": 60}}, {"recipe": {}}, "recipe.steps was 60, is None"),
    ],
)  # fmt: skip
def test_changes_are_named_briefly(before, now, words):
    assert said(before, now) == words


def test_long_values_are_cut():
    words = said({"a": [1] * 9999}, {"a": 1})
    assert len(words) < 2 * MOST and words.endswith("is 1")


def test_the_reason_for_a_job_comes_from_its_result(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    origin = {"parameters": {"values": {"count": 4}, "code": "code 12", "job": {}, "inputs": {}}}
    (tmp_path / "summary.json").write_text(json.dumps(origin))
    (file,) = marker("summary.json", {}, {"count": 5}, "code 12")
    assert marker("summary.json", {}, {"count": 4}, "code 12") == []
    for reason, words in (
        (f"Updated input files: {file}, results/a.zarr/zarr.json", "count was 4, is 5"),
        ("Missing output files: results/a.png", "it is not there"),
        ("Input files updated by another job: results/a.zarr", "its input is computed again"),
        ("Forced execution", "Forced execution"),
    ):
        assert why(reason) == words
