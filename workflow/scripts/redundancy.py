"""The redundancy of the images of a data set, before a network is trained on them.

Input: images.zarr (for a shuffled data set, of its original), and split.zarr. Output:
redundancy.zarr. Near-duplicates have |cosine| above the threshold, pooled and mean-removed,
unchanged or, if `mirrored`, with one of them mirrored; blank images are near-duplicates. Parts are
S1 and S2, as long as both of a pair of networks can have them, or all of S1 if there is no S2, and
the test set.
cluster (image), the first image of each image's cluster of near-duplicates, itself if alone;
images and different (part), the numbers of images and of clusters in a part; largest_cluster, the
number of images in the largest cluster; blank, the number of flat images; near_duplicates (side,
other), the number of pairs with one image in each; crossing (pair, end), cosine and mirrored
(pair), the closest pairs across two sides, at most 1,000.
"""

import numpy as np
import xarray as xr
from gahb import store
from gahb.duplicates import odd_features, pooled
from gahb.redundancy import different, redundancy
from study.job import Job, run


def main(images, split, redundancy, *, threshold, of_files, mirrored=True, job=Job()):
    pixels, parts = store.open_store(images).images, store.open_store(split)
    sides = {
        "S1": parts.S1.values[: parts.sizes["member_S2"] or None],
        "S2": parts.S2.values,
        "test": parts.test.values,
    }
    found, blank = compared(pixels, list(sides.values()), threshold, mirrored, job)
    counted = {"all": np.arange(len(pixels)), **sides}
    count = {name: different(found.cluster, part) for name, part in counted.items()}
    largest = int(np.bincount(found.cluster).max())
    print(f"{len(pixels)} images, {count['all']} different ones; largest cluster {largest}")
    for name, part in sides.items():
        print(f"{name}: {len(part)} images, {count[name]} different ones")
    if blank > 1:
        job.warn(f"{blank} of {len(pixels)} images are blank: flat, and so copies of one another")
    if found.across and of_files:
        job.warn(
            f"{found.across} pairs of near-duplicates (|cosine| > {threshold}) lie in two of S1, "
            f"S2 and test set; {redundancy} lists them, and `duplicates: {threshold}` in the data "
            "set leaves one of each out, except where `train` and `held_out` choose the images"
        )
    dataset = xr.Dataset(
        {
            "cluster": store.variable("image", found.cluster, "first image of its cluster"),
            "images": store.variable("part", [len(p) for p in counted.values()], "images"),
            "different": store.variable(
                "part", list(count.values()), "images, of which a cluster counts as one"
            ),
            "largest_cluster": store.variable((), largest, "images in the largest cluster"),
            "blank": store.variable((), blank, "images that are flat"),
            "near_duplicates": store.variable(
                ("side", "other"), found.pairs, "pairs of near-duplicates with one image in each"
            ),
            "crossing": store.variable(
                ("pair", "end"), found.crossing, "indices of the closest pairs on two sides"
            ),
            "cosine": store.variable("pair", found.cosine, "cosine between the two"),
            "mirrored": store.variable(
                "pair", found.mirrored, "between one and the other's mirror image"
            ),
        },
        coords={
            "part": store.variable("part", list(counted), "images of which part"),
            "side": store.variable("side", list(sides), "side of the split"),
            "other": store.variable("other", list(sides), "side of the split"),
        },
        attrs=store.provenance("Redundancy of the images", job.parameters),
    )
    store.save(dataset, redundancy)


def compared(pixels, sides, threshold, mirrored, job):
    """The redundancy of images (image, channel, y, x) of a store, pooled into a temporary file, and
    the number of blank ones."""
    odd = odd_features(pixels.shape) if mirrored else 0
    with pooled(pixels) as unit, job.progress(len(pixels), "images") as bar:
        found = redundancy(unit, sides, threshold, odd, job.device, progress=bar.update)
        return found, int(unit[:, 0].sum())


if __name__ == "__main__":
    run(main, snakemake)
