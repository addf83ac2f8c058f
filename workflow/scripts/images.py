"""Images of one data set.

Input: the store of the images from which a data set is made, or the fetched file. Output:
images.zarr with images (image, channel, y, x), bytes or floats; if images are files, their file
(image); if training or held-out images are in a place of their own, part (image), its key; if they
are cut from pictures, picture (image) and picture_name (source); files that were left out, in
skipped and skipped_because (skip); if their distribution is known, the arrays on which it depends.
"""

import numpy as np
import xarray as xr
from gahb import store
from gahb.datasets import Source, open_source
from gahb.datasets.base import joined
from gahb.datasets.detect import source_of
from gahb.datasets.variation import Variation
from study.entries import places
from study.files import existing
from study.job import Job, run

#: Images and bytes read at a time by each thread.
BLOCK, BLOCK_BYTES = 128, 2**25
#: Options that prepare images, wherever they are.
PREPARATION = ("background", "landscape", "crop", "gray", "side")


def main(
    images: str,
    made_from: list[str],
    *,
    source: str,
    seed: int = 0,
    count: int | None = None,
    of: str | None = None,
    path: str | None = None,
    places: dict[str, str] | None = None,
    job: Job = Job(),
    **options,
) -> None:
    """`path` is the path of the user's files; `made_from` the store of the data set `of`, or a
    fetched file in place of `path`; `count` the number of images, if it is given; `options` are the
    options of the source. Without a `seed` nothing is random. `places`: paths by the keys `train`
    and `held_out`, whose images come last."""
    # Hashes make the images stale.
    options = {k: v for k, v in options.items() if k not in ("files", "train", "held_out")}
    if count is not None:
        options["images"] = count
    if of:
        options["original"] = as_source(made_from[0])
    elif path:
        options["path"] = made_from[0] if made_from else existing(path)
    own = open_source(source, seed=seed, **options)
    others = [opened_at(path, options) for path in (places or {}).values()]
    opened = joined([own, *others]) if others else own
    first = opened.read(0, 1)
    attributes = store.provenance("Images", job.parameters) | {"source": opened.origin}
    dataset = described(opened, first.shape, attributes)
    if others:
        part = np.repeat(["", *places], [own.count, *(other.count for other in others)])
        dataset["part"] = store.variable("image", part, "key of the data set that names its place")
    if opened.skipped:
        names = [name for name, _ in opened.skipped]
        print(f"{len(names)} files were left out: {', '.join(names[:10])} ...")
    pixels = store.placeholder(
        ("image", "channel", "y", "x"),
        (opened.count, *first.shape[1:]),
        first.dtype,
        "intensity",
        "1/255" if first.dtype == "uint8" else "1",
    )
    variation = Variation()
    with job.progress(opened.count, "images") as bar:

        def counted():
            length = max(1, min(BLOCK, BLOCK_BYTES // first.nbytes))
            for block in opened.blocks(length, job.threads):
                yield block
                variation.add(block)
                bar.update(len(block))

        store.stream(dataset, images, "images", pixels, counted())
    if warning := variation.warning():
        job.warn(warning)


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


def opened_at(path: str, options: dict) -> Source:
    """The images at a path, prepared as `options` say; the content determines their source."""
    source, where = source_of(existing(path))
    prepared = {name: options[name] for name in PREPARATION if name in options}
    return open_source(source, seed=0, **where, **prepared)


def described(opened: Source, shape: tuple, attributes: dict) -> xr.Dataset:
    """All variables and attributes of the images but their pixels."""
    found = {}
    if opened.names:
        found["file"] = "image", opened.names, "file of the image"
    if opened.group is not None:
        found["picture"] = "image", opened.group, "picture that it was cut from"
        found["picture_name"] = "source", opened.group_names, "name of the picture"
    if opened.skipped:
        names, reasons = np.array(opened.skipped).T
        found["skipped"] = "skip", names, "file that was left out"
        found["skipped_because"] = "skip", reasons, "why it was left out"
    return xr.Dataset(
        {name: store.variable(*of) for name, of in found.items()} | {**opened.distribution},
        {"y": store.pixels("y", shape[2]), "x": store.pixels("x", shape[3])},
        attributes,
    )


if __name__ == "__main__":
    entry = snakemake.config["datasets"][snakemake.wildcards.dataset]
    # The location of the data is not among the values: moving them makes nothing stale.
    run(main, snakemake, path=entry.get("path"), places=places(entry))
