"""Training history. Input: history.zarr of every N.

Output: the figure as PDF and PNG, and its numbers as CSV.
"""

from gahb import measured, store
from gahb.figures import history, style
from study.job import running

with running(snakemake) as job:
    opened = map(store.open_store, job.input.history)
    histories = dict(zip(job.values["sizes"], opened, strict=True))
    batch = job.values["batch"]
    style.save(history.draw(histories, batch), job.output[:2])
    measured.write(history.numbers(histories, batch), job.output.numbers)
