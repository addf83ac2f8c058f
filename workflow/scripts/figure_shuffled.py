"""Figure 6. Input: psnr.zarr and eigenbasis.zarr of a data set and its shuffled version.

Output: the figure as PDF and PNG.
"""

from gahb import store
from gahb.figures import shuffled, style
from study.job import running

with running(snakemake) as job:
    figure = shuffled.draw(
        [store.open_store(path) for path in job.input.psnr],
        [store.open_store(path) for path in job.input.eigenbasis],
    )
    style.save(figure, job.output)
