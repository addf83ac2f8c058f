"""An eigenbasis to browse, as an HTML page."""

import json

from gahb import store
from gahb.drawing import pictures
from gahb.drawing.page import write
from study.job import Job, run


def main(eigenbasis, page, *, job=Job(), **shown):
    """Write the page of one eigenbasis.zarr."""
    (path,) = eigenbasis
    with pictures.hiding(shown["private"]):
        write(store.open_store(path), page, json.dumps({"parameters": job.parameters}))


if __name__ == "__main__":
    run(main, snakemake)
