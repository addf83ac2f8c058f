"""`python -m study.stale`: what a run would make again, and why, in words.

Asks snakemake for a dry run with the arguments given and translates its reasons. A job is stale
because an output is missing, or because one of its three params has changed (see `study.plan`):
config values are named with what they were and what they are now.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Callable

#: Characters of a value that are shown.
MOST = 80
# The jobs of a group are indented.
_JOB = re.compile(r"^( *)(?:local)?rule (\w+):\n((?:\1    .*\n)+)", re.MULTILINE)


def planned(dry_run: str) -> list[tuple[str, dict[str, str]]]:
    """Rule of each job of the output of `snakemake --dry-run`, and what it says of it by name."""
    return [
        (rule, dict(re.findall(r"^ +(\w+): (.*)$", body, re.MULTILINE)))
        for _, rule, body in _JOB.findall(dry_run)
    ]


def explained(dry_run: str) -> list[str]:
    """A line for each job of the output of `snakemake --dry-run`."""
    lines = []
    for rule, found in planned(dry_run):
        if rule != "all":
            output = found["output"].split(", ")[0]
            lines.append(f"{output}: {_why(found.get('reason', ''))}")
    return lines


def _why(reason: str) -> str:
    changed = re.search(r"Params have changed .*before: (.*) now: (.*)$", reason)
    if changed:
        before, now = (ast.literal_eval(f"[{side}]") if side else [] for side in _split(changed))
        return "; ".join(differences(before, now))
    if reason.startswith("Missing output"):
        return "it is not there"
    if "updated by another job" in reason:
        return "what it is made from is made again"
    return reason or "snakemake gives no reason"


def _split(changed: re.Match) -> tuple[str, str]:
    return tuple("" if side.startswith("<nothing") else side.strip() for side in changed.groups())


def differences(before: list, now: list) -> list[str]:
    """How the params of a job differ from those that it had, in words."""
    said = []
    old, new = (
        {k: v for d in side if isinstance(d, dict) for k, v in _flat(d)} for side in (before, now)
    )
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            said.append(_change(key, old.get(key), new.get(key)))
    (code, files), (code_now, files_now) = map(_code, (before, now))
    if code != code_now:
        said.append("the code that it runs has changed")
    names = sorted(k for k in files.keys() | files_now.keys() if files.get(k) != files_now.get(k))
    said += [f"{'the style sheet' if n.endswith('.mplstyle') else n} has changed" for n in names]
    return list(dict.fromkeys(said)) or ["what it is made from has changed"]


def _code(params: list) -> tuple[str, dict[str, str]]:
    """The fingerprint of the code, and those of the files that are part of it."""
    found = next((p for p in params if isinstance(p, str) and p.startswith("code ")), "code -")
    _, fingerprint, *files = found.split()
    return fingerprint, dict(file.rsplit("=", 1) for file in files)


def _change(key: str, old, new) -> str:
    """What has become of one config value."""
    if key.endswith("seed"):  # derived: the numbers say nothing
        return "the seed has changed"
    if key == "files":
        return "the files that it is made from have changed"
    if all(isinstance(v, list) and v and all(isinstance(e, dict) for e in v) for v in (old, new)):
        changes = {"added": (new, old), "removed": (old, new)}
        parts = [f"{key} {how}: {_apart(*sides)}" for how, sides in changes.items()
                 if [e for e in sides[0] if e not in sides[1]]]  # fmt: skip
        return "; ".join(parts) or f"the order of {key} has changed"
    return f"{key} was {_short(old)}, is {_short(new)}"


def _apart(entries: list[dict], others: list[dict]) -> str:
    """What tells the entries that are not among `others` from these: "N = 50"."""
    said = []
    for entry in entries:
        if entry not in others:
            words = {k: v for k, v in entry.items() if not isinstance(v, dict | list)}
            unlike = {k: v for k, v in words.items() if all(o.get(k) != v for o in others)}
            said.append(" ".join(f"{k} = {v}" for k, v in (unlike or words).items()))
    return _short(", ".join(dict.fromkeys(said)), str)


def _short(value, written: Callable = repr) -> str:
    text = written(value)
    return text if len(text) <= MOST else f"{text[:MOST]} ..."


def _flat(values: dict, prefix: str = ""):
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


if __name__ == "__main__":
    command = [sys.executable, "-m", "snakemake", "--dry-run", *sys.argv[1:]]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(done.stdout)
    print(*(explained(done.stdout) or ["Nothing to be done: everything is up to date."]), sep="\n")
