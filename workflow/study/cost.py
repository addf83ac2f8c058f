"""`python -m study.cost`: what a study is expected to cost, and what it has cost so far.

Asks snakemake for a dry run with the arguments given, adds up what its jobs are expected to cost
(`study.expected`), and compares it with the benchmark files of those that have run.
"""

import csv
import re
import subprocess
import sys
from pathlib import Path

from study.stale import planned


def jobs(dry_run: str) -> list[dict]:
    """What each job of `snakemake --dry-run` is expected to take, and its benchmark file.

    Jobs that are not expected to cost anything (figures, for instance) have 0 hours.
    """
    found = []
    for rule, said in planned(dry_run):
        asked = dict(re.findall(r"(\w+)=([^,]+)", said.get("resources", "")))
        found.append(
            {
                "rule": rule,
                "gpus": int(asked.get("gpu", 0)),
                "gpu_mb": int(asked.get("gpu_mb", 0)),
                "expected": int(asked.get("expected_seconds", 0)) / 3600,
                "benchmark": Path(said["benchmark"]) if "benchmark" in said else None,
            }
        )
    return found


def measured(job: dict) -> tuple[float, float] | None:
    """Hours and megabytes that the job took, None if it has no benchmark file."""
    if job["benchmark"] is None or not job["benchmark"].is_file():
        return None
    with open(job["benchmark"]) as file:
        row = next(csv.DictReader(file, delimiter="\t"), None)
    if row is None:  # the job was killed while it was written
        return None
    return float(row["s"]) / 3600, float(row["max_rss"]) if row["max_rss"] != "NA" else 0


def table(found: list[dict]) -> str:
    """What the jobs are expected to cost and what those that have run did cost, rule by rule."""
    lines = [
        f"{'rule':18}{'jobs':>6}{'GPUs':>6}{'MB of each':>12}{'hours expected':>16}{'longest':>9}"
        f"{'jobs run':>10}{'hours measured':>16}{'most MB':>9}"
    ]
    for rule in dict.fromkeys(job["rule"] for job in found if job["expected"]):
        rows = [job for job in found if job["rule"] == rule]
        ran = [m for m in map(measured, rows) if m]
        lines.append(
            f"{rule:18}{len(rows):6}{max(j['gpus'] for j in rows):6}"
            f"{max(j['gpu_mb'] for j in rows) or '':12}{sum(j['expected'] for j in rows):16.1f}"
            f"{max(j['expected'] for j in rows):9.1f}{len(ran):10}{sum(h for h, _ in ran):16.1f}"
            f"{max((m for _, m in ran), default=0):9.0f}"
        )
    on_gpu = [job for job in found if job["gpus"]]
    ran = [(m[0] * job["gpus"], job) for job in on_gpu if (m := measured(job))]
    lines.append(
        f"\n{len(found)} jobs, {len(on_gpu)} of them with a GPU: "
        f"{sum(j['expected'] * j['gpus'] for j in on_gpu):,.1f} GPU hours expected"
    )
    if ran:
        took, expected = sum(h for h, _ in ran), sum(j["expected"] * j["gpus"] for _, j in ran)
        lines.append(
            f"{len(ran)} of these have run: {took:,.1f} GPU hours, {took / expected:.2f} times what"
            " was expected of them"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--forceall", *sys.argv[1:]]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(done.stdout)
    print(table(jobs(done.stdout)))
