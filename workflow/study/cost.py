"""`python -m study.cost`: the expected cost of a study, and its cost so far.

Takes the arguments of snakemake. Trainings, optima and theories have expected costs
(`study.costs`); the cost of finished jobs is read from their benchmark files.
"""

import sys
from pathlib import Path

import pandas

from study.dry_run import planned


def jobs(arguments: list[str]) -> pandas.DataFrame:
    """A row for each job of a full run: hours expected and taken, GPUs, megabytes."""
    rows = []
    for job in planned(["--forceall", *arguments]):
        asked = dict(job.resources.items())
        benchmark = Path(job.benchmark) if job.benchmark else None
        rows.append(
            {
                "rule": job.rule_name,
                "GPUs": asked.get("gpu", 0),
                "GPU MB": asked.get("gpu_mb", 0),
                "expected h": asked.get("expected_seconds", 0) / 3600,
                **taken(benchmark),
            }
        )
    return pandas.DataFrame(rows)


def taken(benchmark: Path | None) -> dict[str, float]:
    """Hours and megabytes that a job took, from its benchmark file; empty if it has none."""
    if benchmark is None or not benchmark.is_file():
        return {}
    table = pandas.read_csv(benchmark, sep="\t", na_values="NA")
    if table.empty:  # the job was killed while writing it
        return {}
    row = table.iloc[0]
    return {"measured h": row["s"] / 3600, "most MB": row["max_rss"]}


def table(found: pandas.DataFrame) -> str:
    """Costs by rule, and the total GPU hours."""
    found = found.reindex(columns=[*found.columns.union(["measured h", "most MB"], sort=False)])
    found = found.assign(run=found["measured h"].notna())
    rules = found.groupby("rule", sort=False)
    listed = rules.agg(
        jobs=("rule", "size"),
        GPUs=("GPUs", "max"),
        **{name: (name, "max") for name in ("GPU MB", "most MB")},
        **{name: (name, "sum") for name in ("expected h", "measured h", "run")},
    )
    on_gpu = found[found.GPUs > 0]
    lines = [
        listed.to_string(float_format=lambda value: f"{value:.2f}", na_rep=""),
        f"\n{len(found)} jobs, {len(on_gpu)} of them with a GPU: "
        f"{on_gpu['expected h'].sum():,.1f} GPU hours expected of trainings and theories",
    ]
    ran = on_gpu[on_gpu.run & (on_gpu["expected h"] > 0)]
    if len(ran):
        took, expected = ran["measured h"].sum(), ran["expected h"].sum()
        lines.append(
            f"{len(ran)} of these have run, in {took / expected:.2f} times what was expected"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(jobs(sys.argv[1:])))
