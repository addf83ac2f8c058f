"""The numbers of every study in one table, a row for each network and training set size.

Input: the PSNR curves and, where a study has them, similarities and eigenbases. Output:
summary.csv. `gahb.measured` says what the numbers are.
"""

from gahb import measured, store
from gahb.theory import rate
from study.job import running

COLUMNS = [
    "study", "dataset", "network", "N", "train_psnr", "test_psnr", "gap", "slope", "slope_error",
    "rate", "between", "closest_S1", "closest_S2", "memorized", "samples", "diverged", "dimension",
    "asymmetry",
]  # fmt: skip

with running(snakemake) as job:
    slope_range = job.values["slope_range"]
    table = []
    for row in job.values["rows"]:
        stores = {kind: store.open_store(path) for kind, path in row.pop("stores").items()}
        alpha = row.pop("alpha")
        row |= measured.curves(stores["psnr"], *slope_range)
        if alpha is not None:
            row["rate"] = rate(alpha)
        if "similarity" in stores:
            row |= measured.similarity(stores["similarity"])
        if "eigenbasis" in stores:
            row |= measured.basis(stores["eigenbasis"])
        table.append(row)
    measured.write(table, job.output[0], COLUMNS)
