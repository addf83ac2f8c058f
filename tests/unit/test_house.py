"""The structure of the project: every stage has its rule, and imports point one way."""

import ast
import copy
import importlib
import inspect
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, TINY
from study import figures, version
from study.config import checked
from study.stages import STAGES

WORKFLOW = ROOT / "workflow"
MODULES = sorted(WORKFLOW.rglob("*.py"))
#: A job of each stage in the tiny study.
RUN = {"dataset": "calpha", "denoiser": "tiny", "subset": "S1", "N": "8", "seed": "0"}
OF_PAIR = {"dataset": "calpha", "denoiser": "tiny", "pair": "disjoint", "N": "8", "seed": "0"}


def job_of(stage: str) -> dict:
    if stage.startswith("figure_"):
        figure = stage.removeprefix("figure_")
        drawing = [name for name, entry in TINY["studies"].items() if figure in entry["figures"]]
        compares = figures.declared()[figure]["compares"]
        return next(figures.all_of(TINY, (drawing or ["pair"])[0], compares))
    special = {
        "duplicates": {"dataset": "mine"},
        "imported": RUN | {"denoiser": "own"},
        "drawn": RUN | {"denoiser": "drawn"},
        "reference": RUN | {"denoiser": "flexible"},
        "calibration": RUN | {"denoiser": "flexible"},
        "agreement": RUN | {"study": "seeds"},
        "similarity": OF_PAIR,
        "beyond": OF_PAIR,
        "matrix": OF_PAIR | {"study": "seeds"},
        "dynamics": RUN | {"dataset": "disk", "denoiser": "watched", "study": "phase"},
        "prediction": {"dataset": "disk", "study": "phase"},
        "page": {"study": "photographs", "of": "photo_cnn"},
        "oracles": {"dataset": "calpha"},
        "fetched": {"sha256": "0" * 64, "file": "a.npy"},
    }
    return special.get(stage, RUN)


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> dict:
    config = copy.deepcopy(TINY)
    (folder := tmp_path_factory.mktemp("images")).joinpath("a.png").touch()
    config["datasets"]["mine"] = {"source": "folder", "path": str(folder), "side": 8}
    config["denoisers"]["own"] = {"function": "torch.nn:Identity", "predicts": "denoised"}
    config["denoisers"]["drawn"] = {"samples": str(folder)}
    return checked(config)


def _rules() -> dict[str, dict[str, str]]:
    """The blocks of each rule, by keyword; the rule of all figures is called "figure_"."""
    found = {}
    for path in (WORKFLOW / "rules").glob("*.smk"):
        text = path.read_text()
        for of_figures in re.findall(r"^    rule:\n(?:^(?: +.*)?\n)+", text, re.M):
            text += inspect.cleandoc("\n" + of_figures).replace("rule:", "rule figure_:") + "\n"
        for name, body in re.findall(r"^rule (\w+):\n((?:^(?: +.*)?\n)+)", text, re.M):
            body = inspect.cleandoc("\n" + body)
            blocks = re.findall(r"^(\w+):(.*\n(?:^(?: +.*)?\n?)*)", body + "\n", re.M)
            found[name] = dict(blocks)
    return found


RULES = _rules()


def rule_of(stage: str) -> dict[str, str]:
    return RULES["figure_" if stage.startswith("figure_") else stage]


def names_in(block: str) -> list[str]:
    """The names of a rule's inputs or outputs."""
    lines = [line for line in block.splitlines() if line.strip()]
    indent = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    return re.findall(rf"^ {{{indent}}}(\w+)=", block, re.M)


def test_every_stage_is_a_rule_with_its_script_values_code_and_marker():
    assert RULES.keys() - {"figure_"} == {n for n in STAGES if not n.startswith("figure_")}
    for name, stage in STAGES.items():
        rule, call = rule_of(name), name
        if name.startswith("figure_"):
            call = "figure_{figure}"
        assert f"../scripts/{stage.script}.py" in rule["script"], name
        assert (WORKFLOW / "scripts" / f"{stage.script}.py").is_file()
        for said in (f'values=values(f"{call}")', f'code=code(f"{call}")'):
            assert said in rule["params"].replace('("', '(f"'), name
        if name != "fetched":  # its file has no record; its hash is checked
            assert f'stale=stale(f"{call}")' in rule["input"].replace('("', '(f"'), name


@pytest.mark.parametrize("name", STAGES)
def test_a_script_takes_only_its_inputs_outputs_and_values(config, name):
    """So an undeclared input cannot be read, and a declared one cannot be forgotten."""
    rule, stage = rule_of(name), STAGES[name]
    inputs = [n for n in names_in(rule.get("input", "")) if n != "stale"]
    outputs = names_in(rule["output"])
    values = stage.values(config, job_of(name))
    if "unpack" in rule.get("input", ""):  # stores by their kind
        inputs += values.get("jobs", {"eigenbasis": []})
    names = [*inputs, *outputs, *values, "job"]
    assert len(set(names)) == len(names)
    main = importlib.import_module(f"scripts.{stage.script}").main
    inspect.signature(main).bind(**dict.fromkeys(names), **MORE.get(name, {}))


#: Arguments that make nothing stale.
MORE = {"images": {"path": None}, "drawn": {"path": ""}, "fetched": {"url": ""}}


#: Light jobs on the machine where snakemake runs.
UNMEASURED = {"figure_", "page", "summary", "fetched", "imported", "split", "oracles", "drawn"}


def test_a_log_and_a_benchmark_for_each_job():
    """Their paths are unique among the jobs of a rule; light jobs need no benchmark."""
    for name, rule in RULES.items():
        wildcards = set(re.findall(r"\{(\w+)\}", rule["output"].replace("{{", "{"))) - {"figure"}
        logs = [rule["log"], *([rule["benchmark"]] if "benchmark" in rule else [])]
        for log in logs:
            assert set(re.findall(r"\{(\w+)\}", log.replace("{{", "{"))) - {"figure"} == wildcards
        assert "benchmark" in rule or name in UNMEASURED, name


def test_nothing_but_its_module_and_caption_names_a_figure():
    texts = {path: path.read_text() for path in [*MODULES, *(WORKFLOW / "rules").glob("*.smk")]}
    del texts[WORKFLOW / "study" / "config" / "studies.py"]  # gives the new names of old keys
    # Words that also name something else: stages, stores, keys, variables and a source.
    others = "agreement samples dimension optimum disks history patches shrinkage dynamics phase "
    others += "harmonics verdict pairs properties along matrix"
    for figure in figures.declared().keys() - set(others.split()):
        named = [p for p, text in texts.items() if f'"{figure}"' in text and p.stem != figure]
        assert named == [], figure
    for figure in figures.declared():
        assert (WORKFLOW / "report" / f"{figure}.rst").is_file()


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
    """scripts -> science, which knows no study; planning computes, and figures train, nothing."""
    room, *inner = path.relative_to(WORKFLOW).parts
    names = imported(path)
    if room == "gahb":
        # As a library it is installed with only these; Pillow comes with matplotlib.
        outer = {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)
        assert outer <= {"gahb", "matplotlib", "numpy", "scipy", "torch", "xarray", "zarr", "PIL"}
    if inner[0] == "figures":
        assert not any(
            name.startswith(("gahb.denoisers", "torch", "gahb.training")) for name in names
        )
    if room == "study" and path.stem not in ("job", "verify"):  # these open stores
        assert not any(name.startswith(("torch", "xarray", "zarr", "matplotlib")) for name in names)


def test_every_module_can_be_read_in_one_sitting():
    files = [*MODULES, *(WORKFLOW / "rules").glob("*.smk")]
    assert {p.name: n for p in files if (n := len(p.read_text().splitlines())) > 310} == {}


def length(node) -> int:
    """Lines of a function without its signature, where scripts name each input and value."""
    return node.end_lineno - node.body[0].lineno + 1


def test_every_function_can_be_read_on_one_screen():
    found = {
        f"{path.name}: {node.name}": length(node)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    assert {name: n for name, n in found.items() if n > 60} == {}


def test_formatting_is_never_switched_off():
    assert [path for path in MODULES if "fmt: skip" in path.read_text()] == []


#: Planning imports neither computing nor drawing packages.
PLANS = """
import sys
from study import config, costs, figures, missing, order, origins, planned, stages, written
from study.dry_run import planned
planned(sys.argv[1:])
print(*{"torch", "xarray", "zarr", "matplotlib", "scipy"} & sys.modules.keys())
"""


def test_a_dry_run_imports_nothing_that_computes(tmp_path):
    shutil.copy(ROOT / "config.yaml", tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", PLANS, "--directory", str(tmp_path), "--snakefile",
         str(ROOT / "Snakefile"), "--", "all"],
        cwd=tmp_path, env={"PYTHONPATH": str(WORKFLOW)}, text=True, capture_output=True,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("\n", 0), done.stderr


@pytest.mark.parametrize(("found", "warned"), [("9.27.1", 0), ("9.30", 0), ("9.9", 1), ("10.0", 1)])
def test_unknown_versions_of_snakemake_give_a_warning(monkeypatch, found, warned):
    monkeypatch.setattr(version.importlib.metadata, "version", lambda name: found)
    said = version.unknown_snakemake()
    assert len(said) == warned and all(f"Snakemake {found} is installed" in line for line in said)
