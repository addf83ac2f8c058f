"""Figure 5. Input: psnr.zarr and eigenbasis.zarr of the largest N.

Output: the figure as PDF and PNG, and its numbers as CSV.
"""

from gahb import measured, store
from gahb.figures import disks, style
from study.job import running

with running(snakemake) as job:
    shown = (
        store.open_store(job.input.psnr[0]),
        store.open_store(job.input.eigenbasis[0]),
        job.values["slope_range"],
    )
    style.save(disks.draw(*shown), job.output[:2])
    measured.write(disks.numbers(*shown), job.output.numbers)
