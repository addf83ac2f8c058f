"""Figure 3. Input: eigenbasis.zarr of the largest N.

Output: the figure as PDF and PNG, and its numbers as CSV.
"""

from gahb import measured, store
from gahb.figures import shrinkage, style
from study.job import running

with running(snakemake) as job:
    basis = store.open_store(job.input.eigenbasis[0])
    style.save(shrinkage.draw(basis), job.output[:2])
    measured.write(shrinkage.numbers(basis), job.output.numbers)
