"""Figure 5. Input: psnr.zarr and eigenbasis.zarr of the largest N.

Output: the figure as PDF and PNG.
"""

from gahb import store
from gahb.figures import disks, style
from study.job import running

with running(snakemake) as job:
    figure = disks.draw(
        store.open_store(job.input.psnr[0]),
        store.open_store(job.input.eigenbasis[0]),
        job.values["slope_range"],
    )
    style.save(figure, job.output)
