"""Images of one data set.

Input: for a shuffled data set the store of the images that it is made from, for a fetched one the
file. Output: images.zarr with images (image, channel, y, x), bytes or floats in [0, 1]; where
images are files, their file (image); where they are cut from pictures, picture (image) and
picture_name (source); files that were left out, in skipped and skipped_because (skip).
"""

import numpy as np
import xarray as xr
from gahb import store
from gahb.datasets import Source, open_source
from study.files import existing
from study.job import running

#: Images and bytes read at a time by each thread.
BLOCK, BLOCK_BYTES = 128, 2**25


def as_source(path: str) -> Source:
    """The images of a store, as a source."""
    images = store.open_store(path)
    cut = "picture" in images
    return Source(
        images.sizes["image"],
        lambda start, stop: images.images[start:stop].values,
        images.attrs["source"],
        images.picture.values if cut else None,
        images.picture_name.values if cut else (),
    )


def opened(job) -> Source:
    options = dict(job.values)
    entry = snakemake.config["datasets"][snakemake.wildcards.dataset]
    options.pop("files", None)
    if options.pop("of", None):
        return open_source(**options, original=as_source(job.input[0]))
    if "path" in entry:
        # Where the data lie is not among the params: moving them makes nothing stale.
        options["path"] = job.input[0] if job.input else existing(entry["path"])
    return open_source(**options)


with running(snakemake) as job:
    source = opened(job)
    first = source.read(0, 1)
    shape = (source.count, *first.shape[1:])
    dataset = xr.Dataset(
        coords={
            dim: store.pixels(dim, length) for dim, length in zip("yx", shape[2:], strict=True)
        },
        attrs=store.provenance("Images", job.made_by) | {"source": source.origin},
    )
    if source.names:
        dataset["file"] = store.variable("image", source.names, "file of the image")
    if source.group is not None:
        dataset["picture"] = store.variable("image", source.group, "picture that it was cut from")
        dataset["picture_name"] = store.variable(
            "source", source.group_names, "name of the picture"
        )
    if source.skipped:
        names, reasons = np.array(source.skipped).T
        dataset["skipped"] = store.variable("skip", names, "file that was left out")
        dataset["skipped_because"] = store.variable("skip", reasons, "why it was left out")
        print(f"{len(names)} files were left out: {', '.join(names[:10])} ...")
    images = store.placeholder(
        ("image", "channel", "y", "x"),
        shape,
        first.dtype,
        "intensity",
        "1/255" if first.dtype == "uint8" else "1",
    )
    length = max(1, min(BLOCK, BLOCK_BYTES // first.nbytes))
    blocks = source.blocks(length, snakemake.threads)
    with job.progress(source.count, "images") as bar:

        def counted(blocks):
            for block in blocks:
                yield block
                bar.update(len(block))

        store.stream(dataset, job.output[0], "images", images, counted(blocks))
