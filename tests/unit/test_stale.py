"""What is stale is said in few words."""

import pytest
from study.stale import explained

ROW = {"study": "pair", "dataset": "calpha", "denoiser": "tiny", "alpha": 2.0}
ROWS = [ROW | {"N": N, "stores": {"psnr": [f"results/{N}/psnr.zarr"]}} for N in (1, 8, 50)]
STYLE = ("code 12 paper.mplstyle=34", "code 12 paper.mplstyle=56")


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
        ("inputs 12", "inputs 13", "what it is made from has changed"),
        ({"count": 4}, {"count": 5}, "count was 4, is 5"),
    ],
)  # fmt: skip
def test_a_change_is_named_in_few_words(before, now, words):
    reason = f"Params have changed since last execution: before: {before!r} now: {now!r}"
    job = f"rule psnr:\n    output: results/a.zarr\n    jobid: 3\n    reason: {reason}\n"
    assert explained(job) == [f"results/a.zarr: {words}"]


def test_long_values_are_cut():
    reason = (
        f"Params have changed since last execution: before: {{'a': {[1] * 9999}}} now: {{'a': 1}}"
    )
    (said,) = explained(f"rule psnr:\n    output: results/a.zarr\n    reason: {reason}\n")
    assert len(said) < 200 and said.endswith("is 1")
