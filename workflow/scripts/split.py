"""Which images train the first network, which the second, and which test both.

Input: images.zarr. Output: split.zarr with S1 (member_S1), S2 (member_S2) and test (test): indices
of images, in the order in which they are used. A training set of N images is the first N.
"""

import xarray as xr
from gahb import store
from gahb.splitting import check_disjoint, split
from study.job import running

with running(snakemake) as job:
    images = store.open_store(job.input[0])
    group = images.picture.values if "picture" in images else None
    parts = split(images.sizes["image"], job.values["test"], job.values["seed"], group)
    check_disjoint(parts, group)
    dataset = xr.Dataset(
        {
            "S1": store.variable("member_S1", parts.S1, "index of the image, first training side"),
            "S2": store.variable("member_S2", parts.S2, "index of the image, second training side"),
            "test": store.variable("test_image", parts.test, "index of the image, test set"),
        },
        attrs=store.provenance("Disjoint training sides and test set", job.made_by),
    )
    store.save(dataset, job.output[0])
