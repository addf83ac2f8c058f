"""Figure 6. Input: psnr.zarr and eigenbasis.zarr of a data set and its shuffled version.

Output: the figure as PDF and PNG, and its numbers as CSV.
"""

from gahb import measured, store
from gahb.figures import shuffled, style
from study.job import running

with running(snakemake) as job:
    curves = [store.open_store(path) for path in job.input.psnr]
    bases = [store.open_store(path) for path in job.input.eigenbasis]
    style.save(shuffled.draw(curves, bases), job.output[:2])
    numbers = shuffled.numbers(curves, bases, job.values["slope_range"])
    measured.write(numbers, job.output.numbers)
