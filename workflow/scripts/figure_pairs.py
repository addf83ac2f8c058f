"""Closest pairs. Input: similarity.zarr of the largest N, images.zarr.

Output: the figure as PDF and PNG, and its numbers as CSV.
"""

from gahb import measured, store
from gahb.figures import pairs, style
from study.job import running

with running(snakemake) as job:
    similarity = store.open_store(job.input.similarity[0])
    figure = pairs.draw(similarity, store.open_store(job.input.images[0]).images)
    style.save(figure, job.output[:2])
    measured.write(pairs.numbers(job.values["sizes"][0], similarity), job.output.numbers)
