"""How alike the samples of a pair of networks are, and how close to their training images.

Input: images.zarr, split.zarr, samples.zarr of S1 and S2. Output: similarity.zarr with cosines
between mean-removed images:
between (sample), of the two networks' samples from the same noise;
closest (side, sample) and closest_image (side, sample), of each sample and the closest image of its
own training set, and the index of that image;
closest_pair (member), of each image of S1 and the closest one of S2;
diverged (sample), True where a sample of either network did not end: its cosines are NaN.
"""

import numpy as np
import torch
import xarray as xr
from gahb import store
from gahb.similarity import closest, paired_cosine
from study.job import running

SIDES = ("S1", "S2")

with running(snakemake) as job:
    images, split = store.open_store(job.input.images).images, store.open_store(job.input.split)
    drawn = [store.open_store(path) for path in job.input.samples]
    samples = [torch.from_numpy(d.samples.values).to(job.device) for d in drawn]
    diverged = drawn[0].diverged.values | drawn[1].diverged.values
    members = [split[side].values[: job.values["N"]] for side in SIDES]
    training = [torch.from_numpy(store.take(images, m)).to(job.device) for m in members]

    nearest = [closest(s, t) for s, t in zip(samples, training, strict=True)]
    cosine = np.stack([c.cpu().numpy() for c, _ in nearest])
    index = np.stack([m[i.cpu().numpy()] for m, (_, i) in zip(members, nearest, strict=True)])
    between = paired_cosine(*samples).cpu().numpy()
    dataset = xr.Dataset(
        {
            "between": store.variable(
                "sample",
                np.where(diverged, np.nan, between),
                "cosine between the two networks",
                nan="diverged",
            ),
            "closest": store.variable(
                ("side", "sample"),
                np.where(diverged, np.nan, cosine),
                "cosine to the closest training image",
                nan="diverged",
            ),
            "closest_image": store.variable(
                ("side", "sample"), index, "index of the closest training image"
            ),
            "closest_pair": store.variable(
                "member", closest(*training)[0].cpu().numpy(), "cosine to the closest image of S2"
            ),
            "diverged": store.variable("sample", diverged, "a sample did not end"),
        },
        coords={"side": store.variable("side", list(SIDES), "training side")},
        attrs=store.provenance("Similarity of samples and training images", job.made_by),
    )
    store.save(dataset, job.output[0])
