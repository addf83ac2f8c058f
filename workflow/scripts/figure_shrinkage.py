"""Figure 3. Input: eigenbasis.zarr of the largest N. Output: the figure as PDF and PNG."""

from gahb import store
from gahb.figures import shrinkage, style
from study.job import running

with running(snakemake) as job:
    style.save(shrinkage.draw(store.open_store(job.input.eigenbasis[0])), job.output)
