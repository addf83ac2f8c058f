"""`python -m study.stale`: what a run would make again, and why, in words.

Asks snakemake for a dry run with the arguments given and translates its reasons. A job is stale
because an output is missing, or because one of its three params has changed (see `study.plan`):
config values are named with what they were and what they are now.
"""

import ast
import re
import subprocess
import sys

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
        return "; ".join(_differences(before, now))
    if reason.startswith("Missing output"):
        return "it is not there"
    if "updated by another job" in reason:
        return "what it is made from is made again"
    return reason or "snakemake gives no reason"


def _split(changed: re.Match) -> tuple[str, str]:
    return tuple("" if side.startswith("<nothing") else side.strip() for side in changed.groups())


def _differences(before: list, now: list) -> list[str]:
    said = []
    old, new = (
        {k: v for d in side if isinstance(d, dict) for k, v in _flat(d)} for side in (before, now)
    )
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            said.append(f"{key} was {old.get(key)!r}, is {new.get(key)!r}")
    hashes = {h.split()[0] for h in now if isinstance(h, str)}
    if "code" in hashes:
        said.append("the code that it runs has changed")
    if "inputs" in hashes and not said:
        said.append("what it is made from has changed")
    return said


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
