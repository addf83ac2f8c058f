"""`python tests/faults.py`: faults at every stage of a tiny study, which must leave no trace.

Run manually, as it takes a while. The study is made once undisturbed, and once with faults, one
after the other, while a job of each stage runs: SIGKILL, SIGINT, a full disk, an edit of the config
or of the code. Each time it continues with the command of docs/staleness.md. At the end, with every
edit reverted, all files of results/ must have the same bytes; and after each reverted edit, all
files that a run would not make again. Prints a table; the exit status is 1 if anything was lost or
differs.

Stages and moments are drawn with --seed. A full disk needs `unshare` of Linux.
"""

import argparse
import contextlib
import copy
import hashlib
import http.server
import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from conftest import TINY, Study, checkout
from study.stages import STAGES as DECLARED

#: Stages in the order in which they can run; all figures count as one.
STAGES = tuple(dict.fromkeys("figure" if name.startswith("figure_") else name for name in DECLARED))
#: Seconds after which a run has failed, and bytes of the disk that fills up.
LONGEST, DISK = 1800, 2**26
#: Values of the config, and pieces of modules, whose edits change numbers.
SETTINGS = {
    "datasets.mine.test": 12, "training.constant.steps": 50, "psnr.count": 9, "samples.count": 5,
    "agreement.count": 3, "dynamics.count": 3, "density.count": 3, "eigenbasis.images": [1],
    "properties.count": 1, "calibration.count": 3,
}  # fmt: skip
CODE = {
    "gahb/decibels.py": ("(decibel) / 20)", "(decibel) / 20.5)"),
    "gahb/split.py": ("default_rng(seed).perm", "default_rng(seed + 1).perm"),
    "gahb/training/recipe.py": ("0.5 * (1 + math.cos", "0.25 * (1 + math.cos"),
    "gahb/samples/noise.py": ("full_like(samples, seed)", "full_like(samples, seed + 1)"),
    "gahb/denoisers/networks/unet.py": ("y = self.mid_block(y)", "y = 1.5 * self.mid_block(y)"),
    "gahb/denoisers/references/wiener.py": ("self.variances / (", "0.9 * self.variances / ("),
    "gahb/drawing/paper.mplstyle": ("font.size: 8", "font.size: 10"),
}


def study_of_every_stage(folder: Path, url: str, sha256: str, project: Path) -> Study:
    """A study with few jobs of every stage, run by a checkout of the project."""
    config = TINY | {
        "run": ["trained", "brought", "judged"],
        "datasets": {
            "mine": {"source": "arrays", "path": url, "sha256": sha256, "side": 8, "test": 10}
        },
        "denoisers": {
            "watched": TINY["denoisers"]["watched"],
            "own": {
                "function": "torch.nn:Hardtanh", "arguments": {"min_val": 0.0, "max_val": 1.0},
                "predicts": "denoised",
            },
            "wiener": {"reference": "wiener"},
            "flexible": {"reference": "flexible", "calibrated": "watched"},
            "elsewhere": {"samples": "../images.npy"},
        },
        "studies": {
            "trained": {
                "datasets": ["mine"], "denoisers": ["watched"], "sizes": [4],
                "references": ["wiener", "flexible"],
                "figures": ["psnr_curves", "samples", "shrinkage", "nats", "agreement",
                            "dynamics", "transition", "verdict", "properties"],
            },
            "brought": {
                "datasets": ["mine"], "denoisers": ["own"], "sizes": [4],
                "figures": ["psnr_curves"],
            },
            "judged": {
                "datasets": ["mine"], "denoisers": ["elsewhere"], "sizes": [4],
                "figures": ["patches"],
            },
        },
    }  # fmt: skip
    return Study(folder, copy.deepcopy(config), project)


def contents(folder: Path) -> dict[str, str]:
    """Hash of every file below a folder, except Snakemake's."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".snakemake")
    }


class Run:
    """A run of snakemake, in its own process group."""

    def __init__(self, study: Study, *arguments: str, edits: "Edits | None" = None):
        self.study, self.begin, self.edits = study, time.time(), edits
        self.output = tempfile.TemporaryFile("w+")
        self.process = study.start(*arguments or ("all",), stdout=self.output)

    def reaches(self, stage: str) -> bool:
        """Wait for a job of the stage; False if the run ends before."""
        logs = self.study.folder / "logs"
        while self.process.poll() is None:
            for log in (*logs.glob(f"{stage}*/**/*.log"), *logs.glob(f"{stage}.log")):
                with contextlib.suppress(FileNotFoundError):
                    if log.stat().st_mtime >= self.begin:
                        return True
            time.sleep(0.02)
        return False

    def ends(self) -> int:
        """Exit status, after the run has ended; a run that does not end is killed."""
        try:
            return self.process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise

    def said(self) -> str:
        self.output.seek(0)
        return self.output.read()


def killed(run: Run, choice: random.Random) -> str:
    """`kill -9` of snakemake alone, or of everything at once, as in a power failure."""
    alone = choice.random() < 0.5
    if alone:
        run.process.kill()
    else:
        os.killpg(run.process.pid, signal.SIGKILL)
    run.ends()
    return "SIGKILL of snakemake" if alone else "SIGKILL of all"


def interrupted(run: Run, choice: random.Random) -> str:
    """Ctrl-C, or a signal from another program to snakemake alone."""
    alone = choice.random() < 0.5
    begin = time.time()
    if alone:
        run.process.send_signal(signal.SIGINT)
    else:
        os.killpg(run.process.pid, signal.SIGINT)
    run.ends()
    return f"SIGINT of {'snakemake' if alone else 'all'}, ends in {time.time() - begin:.0f} s"


def filled(run: Run, choice: random.Random) -> str:
    """The disk is full except for a few bytes until the run has ended by itself."""
    room, ballast = choice.choice([0, 2**12, 2**15, 2**17]), run.study.folder / "ballast"
    with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as file:
        while (free := shutil.disk_usage(ballast).free - room) > 0:
            file.write(bytes(min(free, 2**20)))
    status = run.ends()
    ballast.unlink()
    return f"{room} bytes left, exit status {status}"


class Edits:
    """Edits of the config and of the code of a study, one at a time."""

    def __init__(self, study: Study):
        self.study, self.put_back = study, None

    def toggle(self, choice: random.Random) -> str:
        """Revert the edit, or edit something else."""
        if self.put_back:
            self.put_back()
            self.put_back = None
            return "put back"
        name = choice.choice([*SETTINGS, *CODE])
        self.put_back = (self._code if name in CODE else self._setting)(name)
        return name

    def _setting(self, name: str) -> Callable[[], None]:
        section, *inner, key = name.split(".")
        entry = self.study.config[section]
        for part in inner:
            entry = entry[part]
        before, entry[key] = entry[key], SETTINGS[name]
        self.study.command()  # this writes it

        def put_back():
            entry[key] = before
            self.study.command()

        return put_back

    def _code(self, name: str) -> Callable[[], None]:
        path = self.study.source / "workflow" / name
        text = path.read_text()
        assert text.count(CODE[name][0]) == 1, name
        path.write_text(text.replace(*CODE[name]))
        return lambda: path.write_text(text)


def edited(run: Run, choice: random.Random) -> str:
    """An edit, reverted half of the time while the run continues."""
    what = run.edits.toggle(choice)
    if choice.random() < 0.5:
        time.sleep(3 * choice.random() ** 3)
        what += f", {run.edits.toggle(choice)}"
    return f"{what}, exit status {run.ends()}"


def drawn(counts: dict, choice: random.Random) -> list[tuple[str, Callable]]:
    """(stage, fault), in the order of the stages; each gets every fault before one is repeated."""
    found = []
    for fault, count in counts.items():
        rounds = [choice.sample(STAGES, len(STAGES)) for _ in range(-(-count // len(STAGES)))]
        found += [(stage, fault) for stage in itertools.chain(*rounds)][:count]
    choice.shuffle(found)
    return sorted(found, key=lambda each: STAGES.index(each[0]))


def suffered(
    study: Study, faults, choice: random.Random, longest: float, undisturbed: dict[str, str]
) -> list[str]:
    """Make the study with these faults and return what went wrong, a line each.

    A fault comes at most `longest` seconds after a job of its stage has opened its log. At the end
    all files of the `undisturbed` run are requested, since no other job may need an output that a
    forced job had begun to replace.
    """
    wrong, edits = [], Edits(study)
    for number, (stage, fault) in enumerate(faults, 1):
        # A job of the stage runs even if all had ended when the last fault came.
        rule = "figure_psnr_curves" if stage == "figure" else stage
        run = Run(study, "--forcerun", rule, "--", "all", edits=edits)
        if not run.reaches(stage):
            wrong.append(f"{number} {stage}: the run ended before\n{run.said()[-3000:]}")
            continue
        # Usually soon: by the time a job opens its log, most of it is over.
        moment = longest * choice.random() ** 3
        time.sleep(moment)
        what = fault(run, choice)
        print(f"{number:3}  {stage:12} {moment:5.1f} s  {what}", flush=True)
        # A run that ends by itself leaves no lock, unless it cannot write.
        if fault is not interrupted:
            Run(study, "--unlock").ends()
        if fault is edited and not edits.put_back:
            wrong += [f"{number} {stage}: {name}" for name in believed(study, undisturbed)]
    if edits.put_back:
        edits.toggle(choice)
    made = {f"results/{re.sub('[.]zarr/.*', '.zarr/zarr.json', name)}" for name in undisturbed}
    run = Run(study, "--", "all", *sorted(made))
    if run.ends():
        wrong.append(f"the run does not go on\n{run.said()[-4000:]}")
    return wrong


def compared(study: Study, undisturbed: dict[str, str]) -> list[str]:
    """Files of results/ that are missing, different or unexpected."""
    found = contents(study.folder / "results")
    names = sorted(found.keys() | undisturbed.keys())
    return [f"{n}: differs" for n in names if found.get(n) != undisturbed.get(n)]


def believed(study: Study, undisturbed: dict[str, str]) -> list[str]:
    """Files that differ although no run would make them again."""
    stale = study.stale()
    found = contents(study.folder / "results")
    return [
        f"{name}: differs, and is not stale"
        for name in sorted(found.keys() & undisturbed.keys())
        # A job is named by its last output.
        if re.search(r"[.]zarr/|[.]png$|[.]html$|summary[.]json$", name)
        and re.sub("[.]zarr/.*", ".zarr", name) not in stale
        and found[name] != undisturbed[name]
    ]


def left_over(folder: Path) -> list[str]:
    """Processes that still run in the folder."""
    found = []
    for process in psutil.process_iter(["cwd", "cmdline"]):
        if process.info["cwd"] == str(folder):
            found.append(f"still runs: {process.pid} {' '.join(process.info['cmdline'] or [])}")
    return found


def served(folder: Path) -> str:
    """Serve the folder by HTTP and return its URL."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    def handler(*arguments):
        return Quiet(*arguments, directory=str(folder))

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--kills", type=int, default=6, help="SIGKILLs")
    parser.add_argument("--interrupts", type=int, default=4, help="SIGINTs")
    parser.add_argument("--full", type=int, default=4, help="times that the disk is full")
    parser.add_argument("--edits", type=int, default=10, help="edits of the config or the code")
    parser.add_argument("--folder", type=Path, help="where to run; a temporary one by default")
    given = parser.parse_args()
    in_namespace = ["unshare", "--map-root-user", "--mount"]
    if given.full and "FAULTS_MAY_MOUNT" not in os.environ:
        if not shutil.which("unshare") or subprocess.run([*in_namespace, "true"]).returncode:
            sys.exit("unshare: not possible here, so no disk can be filled; use --full 0")
        os.environ["FAULTS_MAY_MOUNT"] = "1"
        os.execvp("unshare", [*in_namespace, sys.executable, *sys.argv])
    folder = given.folder or Path(tempfile.mkdtemp(prefix="faults-"))
    folder.mkdir(parents=True, exist_ok=True)
    images = np.random.default_rng(given.seed).random((40, 8, 8), np.float32)
    np.save(folder / "images.npy", images)
    sha256 = hashlib.sha256((folder / "images.npy").read_bytes()).hexdigest()
    url = f"{served(folder)}/images.npy"

    begin = time.time()
    (folder / "undisturbed").mkdir()
    project = checkout(folder / "project")
    study = study_of_every_stage(folder / "undisturbed", url, sha256, project)
    study.run("all")
    undisturbed = contents(study.folder / "results")
    jobs = len(list((study.folder / "logs").rglob("*.log")))
    longest = (time.time() - begin) * os.cpu_count() / jobs
    print(
        f"undisturbed: {jobs} jobs, {len(undisturbed)} files, {time.time() - begin:.0f} s",
        flush=True,
    )

    choice = random.Random(given.seed)
    counts = {killed: given.kills, interrupted: given.interrupts, filled: given.full}
    counts[edited] = given.edits
    study = study_of_every_stage(folder / "disturbed", url, sha256, project)
    study.folder.mkdir()
    if given.full:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", study.folder]
        subprocess.run(mount, check=True)
    wrong = suffered(study, drawn(counts, choice), choice, longest, undisturbed)
    wrong += compared(study, undisturbed) + left_over(study.folder)
    same = "not all" if wrong else "all"
    print(*wrong, f"{same} results are the same bytes; {time.time() - begin:.0f} s", sep="\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
