"""Images of one data set.

Input: nothing; for a shuffled data set the store of the images that it is made from.
Output: images.zarr with images (image, channel, y, x), bytes or floats in [0, 1], and for images
cut from pictures also picture (image) and picture_name (source).
"""

import xarray as xr
from gahb import store
from gahb.datasets import Source, open_source
from study.job import running
from tqdm import tqdm

BLOCK = 1024


def as_source(path: str) -> Source:
    """The images of a store, as a source."""
    images = store.open_store(path)
    cut = "picture" in images
    return Source(
        images.sizes["image"],
        lambda start, stop: images.images[start:stop].values,
        images.attrs["source"],
        images.picture.values if cut else None,
        tuple(images.picture_name.values) if cut else (),
    )


with running(snakemake) as job:
    options = {k: v for k, v in job.values.items() if k != "of"}
    if job.input:
        options["original"] = as_source(job.input[0])
    source = open_source(**options)
    first = source.read(0, 1)
    shape = (source.count, *first.shape[1:])
    dataset = xr.Dataset(
        coords={
            dim: store.pixels(dim, length) for dim, length in zip("yx", shape[2:], strict=True)
        },
        attrs=store.provenance("Images", job.made_by) | {"source": source.origin},
    )
    if source.group is not None:
        dataset["picture"] = store.variable("image", source.group, "picture that it was cut from")
        dataset["picture_name"] = store.variable(
            "source", source.group_names, "name of the picture"
        )
    images = store.placeholder(
        ("image", "channel", "y", "x"),
        shape,
        first.dtype,
        "intensity",
        "1/255" if first.dtype == "uint8" else "1",
    )
    starts = tqdm(range(0, source.count, BLOCK), unit=f" x {BLOCK} images")
    blocks = (source.read(start, min(start + BLOCK, source.count)) for start in starts)
    store.stream(dataset, job.output[0], "images", images, blocks)
