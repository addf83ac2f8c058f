"""Figure 4. Input: psnr.zarr and eigenbasis.zarr of every data set, largest N.

Output: the figure as PDF and PNG.
"""

from gahb import store
from gahb.figures import rates, style
from study.job import running

with running(snakemake) as job:
    figure = rates.draw(
        job.values["alphas"],
        [store.open_store(path) for path in job.input.psnr],
        [store.open_store(path) for path in job.input.eigenbasis],
        job.values["slope_range"],
    )
    style.save(figure, job.output)
