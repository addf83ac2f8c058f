"""Patch-wise neighbours. Input: samples.zarr of S1 and similarity.zarr of every N, images.zarr.

Output: the figure as PDF and PNG, and its numbers as CSV.
"""

from gahb import measured, store
from gahb.figures import patches, style
from study.job import running

with running(snakemake) as job:
    samples, similarity = (
        dict(zip(job.values["sizes"], map(store.open_store, paths), strict=True))
        for paths in (job.input.samples, job.input.similarity)
    )
    images = store.open_store(job.input.images[0]).images
    figure = patches.draw(samples, similarity, images, job.values["patch"])
    style.save(figure, job.output[:2])
    measured.write(patches.numbers(similarity), job.output.numbers)
