"""docs/tutorial.ipynb as run by a reader, with fewer images and shorter trainings."""

import importlib.util
import json

import pytest
from conftest import ROOT, checkout

pytestmark = pytest.mark.slow

SMALLER = {
    "astronaut brick camera chelsea coffee coins grass gravel rocket": "coffee",
    "steps: 650": "steps: 20",
    "[10, 100, 700]": "[10, 40]",
    "side: 16}": "side: 16, test: 40}",
}


def test_from_images_to_the_verdict(tmp_path, monkeypatch):
    notebook = json.loads((ROOT / "docs" / "tutorial.ipynb").read_text())
    text = json.dumps(notebook)
    for said, smaller in SMALLER.items():
        assert said in text
        text = text.replace(said, smaller)
    spec = importlib.util.spec_from_file_location("notebook", ROOT / "docs" / "notebook.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (checkout(tmp_path) / "docs").mkdir()
    monkeypatch.chdir(tmp_path / "docs")  # where Jupyter starts a notebook
    ran = json.loads(text)
    values = module.run(ran)
    assert values["run"].returncode == 0
    printed = [
        "".join(output.get("text", "a picture"))
        for cell in ran["cells"]
        for output in cell.get("outputs", ())
    ]
    assert printed[0].endswith("100% finished\n")
    assert printed.count("a picture") == 3
    assert "'N': '10'" in printed[2] and "'at_risk'" in printed[2]
    assert "the file of that image: " in printed[-1] and ".png" in printed[-1]
