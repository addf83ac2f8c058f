"""Figure 1. Input: psnr.zarr of every N.

Output: the figure as PDF and PNG, and its numbers as CSV.
"""

from gahb import measured, store
from gahb.figures import psnr_curves, style
from study.job import running

with running(snakemake) as job:
    opened = map(store.open_store, job.input.psnr)
    curves = dict(zip(job.values["sizes"], opened, strict=True))
    style.save(psnr_curves.draw(curves), job.output[:2])
    measured.write(psnr_curves.numbers(curves, job.values["slope_range"]), job.output.numbers)
