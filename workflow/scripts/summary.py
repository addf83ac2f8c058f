"""The numbers of every study in one table, a row for each network and training set size.

Input: the PSNR curves and, where a study has them, similarities and eigenbases. Output:
summary.csv. Medians are over the samples of which neither network's diverged; PSNR gaps are means
over the noise levels between which slopes are fitted.
"""

import csv

from gahb import store
from gahb.theory import fitted_slope, rate
from study.job import running

COLUMNS = {
    "study": "",
    "dataset": "",
    "network": "",
    "N": "d",
    "train_psnr": ".2f",
    "test_psnr": ".2f",
    "gap": ".2f",
    "slope": ".3f",
    "slope_error": ".3f",
    "rate": ".3f",
    "between": ".3f",
    "closest_S1": ".3f",
    "closest_S2": ".3f",
    "memorized": ".3f",
    "samples": "d",
    "diverged": "d",
    "dimension": ".1f",
    "asymmetry": ".3f",
}


def psnr_numbers(path: str, low: float, high: float) -> dict:
    """Train and test PSNR, their gap, and the slope of the test curve, in dB."""
    curves = store.open_store(path)
    inside = (curves.input_psnr >= low - 1e-6) & (curves.input_psnr <= high + 1e-6)
    mean = curves.psnr.mean("image")
    train, test = (float(mean.sel(set=s)[inside.values].mean()) for s in ("train", "test"))
    slope, error = fitted_slope(curves.input_psnr, mean.sel(set="test"), low, high)
    return {
        "train_psnr": train,
        "test_psnr": test,
        "gap": train - test,
        "slope": slope,
        "slope_error": error,
    }


def similarity_numbers(path: str) -> dict:
    """Median cosines, the part of samples that is memorized, and how many samples diverged."""
    similarity = store.open_store(path)
    closest = similarity.closest.median("sample")
    return {
        "between": float(similarity.between.median()),
        "closest_S1": float(closest.sel(side="S1")),
        "closest_S2": float(closest.sel(side="S2")),
        "memorized": float(similarity.memorized.mean()),
        "samples": similarity.sizes["sample"],
        "diverged": int(similarity.diverged.sum()),
    }


def eigenbasis_numbers(path: str) -> dict:
    """Effective dimension and asymmetry, means over images and noise levels."""
    basis = store.open_store(path)
    return {"dimension": float(basis.trace.mean()), "asymmetry": float(basis.asymmetry.mean())}


with running(snakemake) as job:
    slope_range = job.values["slope_range"]
    table = []
    for row in job.values["rows"]:
        stores, alpha = row.pop("stores"), row.pop("alpha")
        row |= psnr_numbers(stores["psnr"], *slope_range)
        if alpha is not None:
            row["rate"] = rate(alpha)
        if "similarity" in stores:
            row |= similarity_numbers(stores["similarity"])
        if "eigenbasis" in stores:
            row |= eigenbasis_numbers(stores["eigenbasis"])
        table.append(
            {k: format(row[k], form) for k, form in COLUMNS.items() if row.get(k) is not None}
        )
    with store.whole(job.output[0]) as partial, open(partial, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(table)
