"""A figure of the paper, as PDF and PNG, and its numbers as CSV.

The inputs are stores, named by their kind; `gahb.figures` has a module for each figure.
"""

import importlib
import json

from gahb import store
from gahb.drawing import pictures, style
from gahb.drawing.stores import Stores
from gahb.summaries import tables
from study.job import Job, run


def main(pdf, png, numbers, *, figure, jobs, job=Job(), **shown):
    """Draw a figure.

    Args:
        pdf, png, numbers: files to write.
        figure: its module in `gahb.figures`.
        jobs: by kind, the identity of each store: its dataset and, if it has them, N, subset or
            pair, and seed.
        job: the job.
        shown: by kind, the paths of the stores in the order of `jobs`; and the values for the
            figure and its caption.
    """
    stores = Stores(
        [
            (kind, of, store.open_store(path))
            for kind in jobs
            for of, path in zip(jobs[kind], shown.pop(kind), strict=True)
        ],
        shown["denoiser"],
    )
    module = importlib.import_module(f"gahb.figures.{figure}")
    with pictures.hiding(shown["private"]):
        drawn = module.draw(stores, shown)
    style.save(drawn, [pdf, png], json.dumps({"parameters": job.parameters}))
    tables.write(module.numbers(stores, shown), numbers)


if __name__ == "__main__":
    run(main, snakemake)
