"""Figure 1. Input: psnr.zarr of every N. Output: the figure as PDF and PNG."""

from gahb import store
from gahb.figures import psnr_curves, style
from study.job import running

with running(snakemake) as job:
    curves = map(store.open_store, job.input.psnr)
    figure = psnr_curves.draw(dict(zip(job.values["sizes"], curves, strict=True)))
    style.save(figure, job.output)
