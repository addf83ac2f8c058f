"""gahb as a library: installed alone, with six packages and their dependencies."""

import copy
import importlib.util
import json
import re
import subprocess
import sys

import pytest
from conftest import ROOT
from gahb import selftest

#: Refuses imports outside the library's dependencies and their own, then runs a file.
ALONE = """
import importlib, importlib.metadata, pkgutil, re, sys
sys.path.insert(0, sys.argv[1])

allowed, found = ["matplotlib", "numpy", "scipy", "torch", "xarray", "zarr"], {"setuptools"}
while allowed:
    name = allowed.pop()
    if name.lower() in found:
        continue
    found.add(name.lower())
    try:
        needed = importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:  # on other systems only
        continue
    allowed += [re.match(r"[\\w.-]+", n)[0] for n in needed if "extra ==" not in n]
others = {package for package, distributions in importlib.metadata.packages_distributions().items()
          if not {d.lower() for d in distributions} & found} - {"gahb"}
assert {"safetensors", "skimage", "pyarrow", "snakemake", "tqdm", "pandas"} - others == {"pandas"}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in others:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
import gahb
assert gahb.__file__.startswith(sys.argv[1]), gahb.__file__
for module in pkgutil.walk_packages(gahb.__path__, "gahb."):
    importlib.import_module(module.name)
assert "study" not in sys.modules
exec(open(sys.argv[2]).read())
"""
ANALYSIS = """
import runpy
import torch
from gahb import denoisers
from gahb.datasets.photographs import photographs
from gahb.denoisers.network import NetworkDenoiser
from gahb.drawing import style
from gahb.eigenbasis import eigenbasis
from gahb.psnr import psnr_curve

images = torch.rand(6, 1, 8, 8)
denoiser = NetworkDenoiser(torch.nn.Conv2d(1, 1, 3, padding=1, bias=False))
assert psnr_curve(denoiser, images, [0.1, 0.3], seed=0).shape == (2, 6)
basis = eigenbasis(denoiser, images[0], images[1], 0.1, keep=4)
assert len(basis.shrinkage) == 4
with style.sheet():  # which is a file of the wheel
    pass
del sys.modules["gahb.selftest"]
runpy.run_module("gahb.selftest", run_name="__main__")
for needs in (lambda: photographs(side=8, stride=8, scales=[1], seed=0),
              lambda: denoisers.save(torch.nn.Conv2d(1, 1, 3), "a.safetensors", "bfcnn")):
    try:
        needs()
    except ImportError as error:
        assert "pip install 'gahb[workflow]'" in str(error), error
    else:
        raise AssertionError("it did without the package")
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder in which only the wheel of the project is installed."""
    folder = tmp_path_factory.mktemp("library")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    (folder / "workflow").mkdir()
    for name in ("gahb", "study"):
        (folder / "workflow" / name).symlink_to(ROOT / "workflow" / name)
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
         "--no-compile", "--target", folder / "installed", folder],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return folder / "installed"


def test_it_needs_six_packages_and_their_dependencies(installed):
    assert not list(installed.glob("study*"))
    files = {"alone.py": ALONE, "analysis.py": ANALYSIS}
    for name, text in files.items():
        (installed.parent / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "-P", "alone.py", str(installed), "analysis.py"],
        cwd=installed.parent, capture_output=True, text=True, env={"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^(\w+): ", done.stdout, re.M) == [
        "wiener", "memorizer", "jacobian", "flow", "audit"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "place", "wrong"),
    [
        ("wiener", "SIGMA", 0.31),
        ("flow", "gaussian_flow", lambda f, y, start, end: 1.01 * y),
        ("audit", "NEW", selftest.IMAGES),
    ],
)
def test_the_selftest_finds_mistakes(monkeypatch, check, place, wrong):
    gain = selftest._gain()
    monkeypatch.setattr(selftest, "_gain", lambda: gain)
    monkeypatch.setattr(selftest, place, wrong)
    with pytest.raises(AssertionError):
        getattr(selftest, check)()


def test_the_notebook_reproduces_its_outputs(tmp_path, monkeypatch):
    """Its cells print the stored text, except for digits, which differ between machines."""
    stored = json.loads((ROOT / "docs" / "library.ipynb").read_text())
    spec = importlib.util.spec_from_file_location("notebook", ROOT / "docs" / "notebook.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.chdir(tmp_path)
    ran = copy.deepcopy(stored)
    values = module.run(ran)
    assert _words(ran) == _words(stored) and len(_words(stored)) >= 6
    # The memorizer's samples are training images, the network's are not.
    of_training = values["nearest"](values["samples"], values["training"]).cosine
    assert (of_training < 0.999).all() and not values["memorized"].any()
    assert values["basis"].trace < 100
    assert not list(tmp_path.iterdir())


def _words(notebook: dict) -> list[str]:
    outputs = [o for c in notebook["cells"] for o in c.get("outputs", ())]
    return [re.sub(r"[-\d.]+", "#", "".join(o.get("text", "a picture"))) for o in outputs]
