"""A first run on a GPU: tests, a tiny study and the benchmarks.

    make gpu                         # within ten minutes, to results/gpu
    python benchmarks/gpu.py --cpu   # tries the steps, in small and without a GPU

results/gpu/summary.json names the GPU and says for each step whether it succeeded and how long it
took; NAME.json has the numbers of a benchmark and NAME.txt the output of a step.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import torch
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from conftest import TINY  # noqa: E402

FOLDER = ROOT / "results" / "gpu"
#: Total seconds for all steps.
MOST = 600


def steps(quick: bool) -> dict[str, list[str]]:
    """Arguments of python for each step; a benchmark also gets --json."""
    study = FOLDER / "study"
    study.mkdir(parents=True, exist_ok=True)
    config = TINY | {"run": ["pair"]}
    (study / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    snakemake = [
        "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", study, "--configfile",
        study / "config.yaml", "--profile", ROOT / "profiles" / "local", "--forceall", "all",
    ]  # fmt: skip
    benchmarks = {
        "stacking": ["--cases", "phase UNet 8", "--counts", "2"] if quick else [],
        "training": ["--cases", "default 16x16", "--steps", "0"] if quick else ["--steps", "500"],
        "analysis": ["--only", "memorizer", "--images", "2000"] if quick else ["--images", "20000"],
    }
    tests = ["device"] if quick else ["device", "scripts"]
    files = [ROOT / "tests" / "unit" / f"test_{name}.py" for name in tests]
    return {
        "tests": ["-m", "pytest", "-n", "0", "-v", *files],
        "study": snakemake,
        **{
            name: [ROOT / "benchmarks" / f"{name}.py", *options]
            + (["--rounds", "2"] if name != "analysis" else [])
            + ["--json", FOLDER / f"{name}.json"]
            for name, options in benchmarks.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cpu", action="store_true", help="try the steps without a GPU, in small")
    quick = parser.parse_args().cpu
    if not quick and not torch.cuda.is_available():
        sys.exit(
            f"no GPU found: torch {torch.__version__} sees none. If this machine has one, "
            "nvidia-smi lists it; a torch whose version ends in +cpu cannot use it"
        )
    found = [torch.cuda.get_device_properties(n) for n in range(torch.cuda.device_count())]
    summary = {
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "gpus": [{"name": gpu.name, "gigabytes": gpu.total_memory / 1e9} for gpu in found],
        "steps": {},
    }
    print(*(f"{g['name']}, {g['gigabytes']:.0f} GB" for g in summary["gpus"]) or ["CPU"], sep="\n")
    end = time.monotonic() + MOST
    for name, arguments in steps(quick).items():
        start = time.monotonic()
        with open(FOLDER / f"{name}.txt", "w") as said:
            command = [sys.executable, *map(str, arguments)]
            try:
                status = subprocess.run(
                    command, cwd=ROOT, stdout=said, stderr=said, timeout=max(1, end - start)
                ).returncode
                result = "ok" if status == 0 else f"failed, exit status {status}"
            except subprocess.TimeoutExpired:
                result = f"stopped: all steps have {MOST} s"
        summary["steps"][name] = {"result": result, "seconds": time.monotonic() - start}
        (FOLDER / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
        print(f"{name:10}{time.monotonic() - start:7.0f} s  {result}", flush=True)
    print(f"Numbers are in {FOLDER.relative_to(ROOT)}.")
    sys.exit(any(step["result"] != "ok" for step in summary["steps"].values()))


if __name__ == "__main__":
    main()
