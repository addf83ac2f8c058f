"""What stores and weights say that they were made with, against what jobs are given now."""

import dataclasses

import pytest
import xarray as xr
from gahb import denoisers, store
from study.run.origins import mistake, origin, unlike, warning

MADE = {"values": {"recipe": {"steps": 60}}, "code": "code 12", "upstream": "inputs 34"}


def saved(path, parameters: dict) -> str:
    attributes = store.provenance("Example", parameters)
    store.save(xr.Dataset({"a": store.variable("x", [1.0], "a")}, attrs=attributes), path)
    return str(path)


@pytest.fixture
def weights(tmp_path):
    network = denoisers.initialized("bfcnn", 0, channels=4, layers=3)
    denoisers.save(network, tmp_path / "a.safetensors", "bfcnn", channels=4, layers=3)
    return tmp_path / "a.safetensors"


def test_weights_say_what_they_were_made_with_in_the_same_bytes_each_time(weights):
    assert origin(weights) is None
    network, written = denoisers.initialized("bfcnn", 0, channels=4, layers=3), set()
    for _ in range(8):
        denoisers.save(network, weights, "bfcnn", channels=4, layers=3, parameters=MADE)
        written.add(weights.read_bytes())
    assert len(written) == 1
    assert origin(weights) == MADE


def test_what_says_nothing_has_no_origin(tmp_path, weights):
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    (tmp_path / "half.zarr").mkdir()
    paths = (tmp_path / "a.pdf", tmp_path / "half.zarr", tmp_path / "none.zarr", weights)
    assert [origin(path) for path in paths] == [None] * 4
    assert origin(saved(tmp_path / "whole.zarr", MADE)) == MADE


@dataclasses.dataclass(eq=False)
class Made:
    output: list[str]
    params: dict


class Jobs:
    """Snakemake's: images -> split -> training -> eigenbasis, of which the last one will run."""

    def __init__(self, folder, weights, now: dict, recorded=()):
        images, split, history = (
            saved(folder / f"{name}.zarr", MADE) for name in ("images", "split", "history")
        )
        outputs = [[images], [split], [str(weights), history], ["eigenbasis.zarr"]]
        self.every = [Made(made, MADE | now.get(n, {})) for n, made in enumerate(outputs)]
        self.recorded = recorded
        before = [set(), *({job} for job in self.every)]
        self.dependencies = dict(zip(self.every, before, strict=False))

    def needrun_jobs(self):
        return [self.every[-1]]

    def needrun(self, job):
        return job is self.every[-1]

    def has_metadata(self, job):
        return self.every.index(job) in self.recorded


LONGER = {2: {"values": {"recipe": {"steps": 61}}}}


def test_inputs_made_as_they_would_be_now_are_read(tmp_path, weights):
    jobs = Jobs(tmp_path, weights, {})
    assert unlike(jobs, jobs) == ({}, {})


def test_weights_of_another_recipe_are_refused_by_name(tmp_path, weights):
    jobs = Jobs(tmp_path, weights, LONGER)
    unknown, touched = unlike(jobs, jobs)
    assert unknown == {str(weights): "recipe.steps was 60, is 61"} and not touched
    said = mistake(unknown, [])
    assert f"{weights}: recipe.steps was 60, is 61" in said
    assert f"snakemake --touch --force -- {weights}" in said


def test_the_cause_is_named_beside_what_was_made_from_it(tmp_path, weights):
    again = {"upstream": "inputs 56"}
    jobs = Jobs(tmp_path, weights, {2: again, 1: again, 0: {"code": "code 13"}})
    assert list(unlike(jobs, jobs)[0].values()) == [
        "what it is made from has changed",
        "what it is made from has changed",
        "the code that it runs has changed",
    ]


def test_what_snakemake_has_a_record_of_was_touched_on_purpose(tmp_path, weights):
    jobs = Jobs(tmp_path, weights, LONGER, recorded=[2])
    unknown, touched = unlike(jobs, jobs)
    assert not unknown
    assert warning(touched) == f"Kept by --touch: {weights} (recipe.steps was 60, is 61)"


def test_weights_that_do_not_say_what_they_were_made_with_are_read(tmp_path, weights):
    jobs = Jobs(tmp_path, weights, LONGER)
    jobs.every[2].output.pop()  # the history
    assert unlike(jobs, jobs) == ({}, {})


def test_long_lists_are_cut():
    said = mistake({f"results/{n}.zarr": "x" for n in range(99)}, ["mine.yaml"])
    assert "... and 89 more" in said
    assert "snakemake --touch --forceall --configfile mine.yaml -- all" in said
