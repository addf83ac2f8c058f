"""Which images train the first network, which the second, and which test both.

Input: images.zarr, and duplicates.zarr where near-duplicates are dropped. Output: split.zarr with
S1 (member_S1), S2 (member_S2) and test (test_image): indices of images, in the order in which they
are used. A training set of N images is the first N.
"""

import xarray as xr
from gahb import store
from gahb.splitting import check, split
from study.job import running

with running(snakemake) as job:
    images = store.open_store(job.input.images)
    count = images.sizes["image"]
    group = images.picture.values if "picture" in images else None
    dropped = None
    if job.input.duplicates:
        dropped = store.open_store(job.input.duplicates[0]).dropped.values
    parts = split(count, job.values["test"], job.values["seed"], group, dropped)
    check(parts, count, group)
    dataset = xr.Dataset(
        {
            "S1": store.variable("member_S1", parts.S1, "index of the image, first training side"),
            "S2": store.variable("member_S2", parts.S2, "index of the image, second training side"),
            "test": store.variable("test_image", parts.test, "index of the image, test set"),
        },
        attrs=store.provenance("Disjoint training sides and test set", job.made_by),
    )
    store.save(dataset, job.output[0])
