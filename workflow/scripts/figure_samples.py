"""Figure 2. Input: samples.zarr of S1 and S2 and similarity.zarr of every N, images.zarr.

Output: the figure as PDF and PNG, and its numbers as CSV.
"""

from gahb import measured, store
from gahb.figures import samples, style
from study.job import running

with running(snakemake) as job:
    sizes = job.values["sizes"]
    drawn = [store.open_store(path) for path in job.input.samples]
    pairs = zip(drawn[::2], drawn[1::2], strict=True)
    similarity = dict(zip(sizes, map(store.open_store, job.input.similarity), strict=True))
    images = store.open_store(job.input.images[0]).images
    figure = samples.draw(dict(zip(sizes, pairs, strict=True)), similarity, images)
    style.save(figure, job.output[:2])
    measured.write(samples.numbers(similarity), job.output.numbers)
