"""Figure 3. Input: eigenbasis.zarr of the largest N.

Output: the figure as PDF and PNG, its numbers as CSV, and the eigenbasis as a page of HTML.
"""

from gahb import measured, store
from gahb.figures import page, shrinkage, style
from study.job import running

with running(snakemake) as job:
    basis = store.open_store(job.input.eigenbasis[0])
    style.save(shrinkage.draw(basis), job.output[:2])
    page.write(basis, job.output.page)
    measured.write(shrinkage.numbers(basis), job.output.numbers)
