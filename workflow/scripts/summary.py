"""The numbers of every study in one table, a row for each denoiser and training set size.

`gahb.summaries` says what the numbers are.
"""

import json
from collections import Counter

from gahb import store
from gahb.decibels import minimax_slope
from gahb.summaries import beyond
from gahb.summaries.density import log_densities
from gahb.summaries.eigenbasis import basis
from gahb.summaries.harmonics import measures
from gahb.summaries.memorization import ceiling, risk, similarity
from gahb.summaries.optimum import LEVELS, against_optimum
from gahb.summaries.psnr import curves
from gahb.summaries.tables import over_seeds, write
from study.job import Job, run

#: Columns that no row has are left out.
COLUMNS = f"""
    study dataset denoiser N seeds
    train_psnr test_psnr gap slope minimax_slope
    optimum optimum_slope {" ".join(f"below_optimum_{p:g}" for p in LEVELS)} optimum_error rhat
    beyond beyond_ceiling beyond_null share
    between ceiling closest_S1 closest_S2 memorized at_risk scale
    between_embedded closest_embedded_S1 closest_embedded_S2 memorized_embedded
    samples diverged
    dimension asymmetry
    log_density log_density_gap
    harmonic harmonic_p signs_p mixed_p harmonic_mixed rising
    adaptive adaptive_p near near_p along along_p
    tangent tangent_p outside_tangent angular_order
""".split()
#: Beginnings of the names of numbers that require the training images.
JUDGED = ("memorized", "at_risk")
#: The numbers of a store, by its kind.
MEASURES = {
    "similarity": similarity,
    "beyond": beyond.beyond,
    "eigenbasis": basis,
    "density": log_densities,
    "harmonics": measures,
}


def main(summary, origin, *, rows, jobs, kinds, slope_range, job=Job(), **paths):
    """Write the table.

    Args:
        summary: the file to write.
        origin: a file for the provenance of the table, which a CSV file cannot hold.
        rows: for each row study, dataset, denoiser, N and alpha (None if the images have none);
            `judged`, whether it is known which images the denoiser was trained on; and `stores`: by
            role, the identities of the stores of all seeds. The roles are, if a study has them,
            psnr, similarity, beyond, eigenbasis, density, harmonics, ceiling and beyond_ceiling
            (similarity and beyond of pairs on the same images) and optimum (PSNRs of the optimum,
            one store).
        jobs: by kind, the identity of each store.
        kinds: by role, the kind of its stores if it has another name.
        slope_range: input PSNRs in dB between which slopes are fitted.
        job: the job.
        paths: by kind, the paths of the stores in the order of `jobs`.
    """
    opened = {
        (kind, *sorted(of.items())): store.open_store(path)
        for kind in jobs
        for of, path in zip(jobs[kind], paths[kind], strict=True)
    }
    tested = Counter(_network(row) for row in rows if "similarity" in row["stores"])
    table = [_row(slope_range, opened, kinds, tested[_network(row)], **row) for row in rows]
    found = set().union(*table)
    columns = [c for name in COLUMNS for c in (name, f"{name}_low", f"{name}_high") if c in found]
    write(table, summary, columns)
    with store.atomic(origin) as partial:
        partial.write_text(json.dumps({"parameters": job.parameters}, indent=0))


def _network(row: dict) -> tuple:
    """Study, dataset and denoiser of a row: its networks, whatever their N."""
    return row["study"], row["dataset"], row["denoiser"]


def _row(slope_range, every, kinds, tested, *, alpha, judged, stores, **names) -> dict:
    opened = {
        role: [every[kinds.get(role, role), *sorted(of.items())] for of in jobs]
        for role, jobs in stores.items()
    }
    same, (best,) = opened.pop("ceiling", []), opened.pop("optimum", [None])
    ceilings = ceiling(same) | beyond.ceiling(opened.pop("beyond_ceiling", []))
    seeds = [dict(zip(opened, each, strict=True)) for each in zip(*opened.values(), strict=True)]
    if len(seeds) > 1:
        names["seeds"] = len(seeds)
    if alpha is not None:
        names["minimax_slope"] = minimax_slope(alpha)
    measured = [_measured(slope_range, best, **each) for each in seeds]
    # For a single N the memorized fraction suffices.
    at_risk = risk(opened["similarity"]) if "similarity" in opened and tested > 1 else {}
    found = (over_seeds(measured) if measured else {}) | ceilings | at_risk
    kept = found if judged else {k: v for k, v in found.items() if not k.startswith(JUDGED)}
    return names | kept


def _measured(slope_range, best, psnr=None, **others) -> dict:
    """The numbers of one seed."""
    row = {} if psnr is None else curves(psnr, *slope_range)
    if best is not None and psnr is not None:
        row |= against_optimum(psnr, best, *slope_range)
    for kind, data in others.items():
        row |= MEASURES[kind](data)
    return row


if __name__ == "__main__":
    run(main, snakemake)
