"""Figure 4. Input: psnr.zarr and eigenbasis.zarr of every data set, largest N.

Output: the figure as PDF and PNG, and its numbers as CSV.
"""

from gahb import measured, store
from gahb.figures import rates, style
from study.job import running

with running(snakemake) as job:
    shown = (
        job.values["alphas"],
        [store.open_store(path) for path in job.input.psnr],
        [store.open_store(path) for path in job.input.eigenbasis],
        job.values["slope_range"],
    )
    style.save(rates.draw(*shown), job.output[:2])
    measured.write(rates.numbers(*shown), job.output.numbers)
