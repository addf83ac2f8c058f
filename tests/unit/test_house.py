"""The house: every stage is declared once, nothing is forgotten, imports point one way."""

import ast
import copy
import importlib
import inspect
import re
import sys
import threading
from types import SimpleNamespace

import pytest
from conftest import ROOT, TINY
from study import figures
from study.config import checked
from study.plan import Plan
from study.run import internals, scheduling
from study.run.directives import Directives
from study.stage import Artifact
from study.stages import STAGES

WORKFLOW = ROOT / "workflow"
MODULES = sorted(WORKFLOW.rglob("*.py"))
#: A job of each stage in the tiny study.
RUN = {"dataset": "calpha", "denoiser": "tiny", "subset": "S1", "N": "8", "seed": "0"}
OF_PAIR = {"dataset": "calpha", "denoiser": "tiny", "pair": "disjoint", "N": "8", "seed": "0"}
OF_SEEDS = RUN | {"dataset": "rough", "N": "4"}
OF_FIGURES = {
    "slopes": ("slopes", "tiny"), "disks": ("disks", "disk_tiny"), "geometry": ("geometry", "cnn"),
    "optimum": ("pair", "calpha"),
    "agreement": ("seeds", "rough_tiny"), "theories": ("seeds", "rough_tiny"),
    "shrinkage": ("photographs", "photo_cnn"), "phase": ("phase", "disk"),
    "dimension": ("disks", "disk_tiny"), "harmonics": ("geometry", "all"),
    **dict.fromkeys(("dynamics", "along", "transition"), ("phase", "disk_watched")),
}  # fmt: skip


def job_of(stage: str) -> dict:
    if stage.startswith("figure_"):
        figure = stage.removeprefix("figure_")
        study, of = OF_FIGURES.get(figure, ("pair", "calpha_tiny"))
        return {"study": study, "of": of}
    special = {
        "duplicates": {"dataset": "mine"},
        "grouped": {"dataset": "faces"},
        "imported": RUN | {"denoiser": "own"},
        "reference": OF_SEEDS | {"denoiser": "flexible"},
        "calibration": OF_SEEDS | {"denoiser": "flexible"},
        "agreement": OF_SEEDS | {"study": "seeds"},
        "similarity": OF_PAIR,
        "dynamics": RUN | {"dataset": "disk", "denoiser": "watched", "study": "phase"},
        "prediction": {"dataset": "disk", "study": "phase"},
        "page": {"study": "photographs", "of": "photo_cnn"},
        "oracles": {"dataset": "calpha"},
        "fetched": {"sha256": "0" * 64, "file": "a.npy"},
    }
    return special.get(stage, RUN)


@pytest.fixture(scope="module")
def plan() -> Plan:
    config = copy.deepcopy(TINY)
    config["datasets"]["mine"] = {"source": "folder", "path": "somewhere", "side": 8}
    config["datasets"]["faces"] = config["datasets"]["mine"] | {"groups": "folder"}
    config["denoisers"]["own"] = {"function": "torch.nn:Identity", "predicts": "denoised"}
    return Plan(checked(config))


def main_of(stage):
    name = (stage.script or stage.name).removesuffix(".py").replace("/", ".")
    return importlib.import_module(f"scripts.{name}").main


@pytest.mark.parametrize("name", STAGES)
def test_a_script_takes_what_its_stage_declares_and_nothing_else(plan, name):
    """So an input that is not declared cannot be read, and one that is cannot be forgotten."""
    stage = STAGES[name]
    names = [*stage.reads, *stage.writes, *plan.values(stage, job_of(name)), "job"]
    assert len(set(names)) == len(names)
    given = dict.fromkeys(names)
    parameters = inspect.signature(main_of(stage)).parameters
    inspect.signature(main_of(stage)).bind(**given, **MORE.get(name, {}))
    assert stage.reads.keys() | stage.writes.keys() <= parameters.keys() | ANY.get(name, set())


#: Arguments that make nothing stale, and inputs that are taken by kind.
MORE = {"images": {"path": None}, "fetched": {"url": ""}}
ANY = {name: set(STAGES[name].reads) for name in STAGES
       if name.startswith("figure_") or name == "summary"}  # fmt: skip


@pytest.mark.parametrize("name", [n for n, stage in STAGES.items() if stage.reads])
def test_a_rule_that_forgets_an_input_is_refused(plan, name):
    stage = STAGES[name]
    *all_but_one, forgotten = stage.reads
    with pytest.raises(ValueError, match=rf"rule {name}: its inputs are .*declares.*{forgotten}"):
        Directives(plan, stage).input(*all_but_one)
    assert Directives(plan, stage).input(*stage.reads).keys() == stage.reads.keys()


def test_a_key_changes_with_each_input_of_a_job(plan):
    """Through the inputs that the rule has: what is read and what makes stale are one thing."""
    for name, stage in STAGES.items():
        job = job_of(name)
        for read, artifacts in plan.reads(stage, job).items():
            for artifact in artifacts:
                if isinstance(artifact, Artifact):
                    other = Plan(plan.config)
                    before = other.upstream(stage, job)
                    other._keys[other.path(artifact)] = "another key"
                    assert other.upstream(stage, job) != before, (name, read)


def test_every_stage_is_a_rule_with_its_script_and_log():
    rules = "".join(path.read_text() for path in (WORKFLOW / "rules").glob("*.smk"))
    for name, stage in STAGES.items():
        if not name.startswith("figure_"):
            assert f"rule {name}:" in rules
            assert f"stages.{name}.log" in rules
        assert (WORKFLOW / "scripts" / (stage.script or f"{name}.py")).is_file()


def test_nothing_but_its_module_and_caption_names_a_figure():
    texts = {path: path.read_text() for path in [*MODULES, *(WORKFLOW / "rules").glob("*.smk")]}
    del texts[WORKFLOW / "study" / "config" / "studies.py"]  # says what old names are now
    # Words that also name something else: stages, stores, keys, variables and a source.
    for figure in figures.declared().keys() - {
        "agreement",
        "samples",
        "dimension",
        "optimum",
        "disks",
        "history",
        "patches",
        "shrinkage",
        "dynamics",
        "phase",
        "harmonics",
        "verdict",
        "pairs",
        "properties",
        "along",
    }:
        named = [p for p, text in texts.items() if f'"{figure}"' in text and p.stem != figure]
        assert named == [], figure
    for figure in figures.declared():
        module = figures.declared()[figure]["module"]
        assert (WORKFLOW / "report" / f"{module.replace('.', '/')}.rst").is_file()


def imported(path) -> set[str]:
    """What a module imports, by full name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(WORKFLOW)))
def test_imports_point_one_way(path):
    """scripts -> science -> store; planning knows no science; figures know no denoiser."""
    room, *inner = path.relative_to(WORKFLOW).parts
    names = imported(path)
    if room == "gahb":
        # As a library it is installed with these alone; Pillow comes with matplotlib.
        outer = {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)
        assert outer <= {"gahb", "matplotlib", "numpy", "scipy", "torch", "xarray", "zarr", "PIL"}
    if inner[0] == "figures":
        assert not any(
            name.startswith(("gahb.denoisers", "torch", "gahb.training")) for name in names
        )
    if room == "study" and path.stem not in ("job", "verify"):  # these open stores
        names = {name for name in names if not name.startswith("gahb.training.recipe.")}  # light
        assert not any(name.startswith(("gahb", "torch", "xarray", "matplotlib")) for name in names)


def test_every_module_can_be_read_in_one_sitting():
    assert {p.name: n for p in MODULES if (n := len(p.read_text().splitlines())) > 300} == {}


def test_another_snakemake_is_refused(monkeypatch):
    monkeypatch.setattr(internals.importlib.metadata, "version", lambda name: "10.0.0")
    with pytest.raises(internals.UnknownSnakemake, match=r"10\.0\.0.*pip install snakemake==9"):
        internals.check(object())


def test_internals_that_have_gone_are_named():
    with pytest.raises(internals.UnknownSnakemake, match="It has no dag, current_basedir"):
        internals.check(object())


def test_a_snakemake_that_compares_time_stamps_elsewhere_is_refused(monkeypatch):
    monkeypatch.delattr(internals._IOFile, "is_newer")
    with pytest.raises(internals.UnknownSnakemake, match=r"_IOFile\.is_newer"):
        internals.check(object())


def test_a_log_and_a_benchmark_for_each_job(plan):
    for stage in STAGES.values():
        wildcards = {name for path in stage.writes.values() for name in _wildcards(path)}
        rule = Directives(plan, stage)
        assert set(_wildcards(rule.log)) == set(_wildcards(rule.benchmark)) == wildcards


def _wildcards(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", path)


def test_the_scheduler_waits_for_one_timer_at_a_time():
    scheduler = SimpleNamespace(_open_jobs=threading.Semaphore(0))
    for _ in range(5):
        scheduling._wake_later(scheduler, 0.01)
    scheduler._waiting.join()
    assert scheduler._open_jobs.acquire(blocking=False)
    assert not scheduler._open_jobs.acquire(blocking=False)
    scheduling._wake_later(scheduler, 0.01)
    assert scheduler._open_jobs.acquire(timeout=10)
