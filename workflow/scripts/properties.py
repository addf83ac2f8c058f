"""Homogeneity, linearity, equivariance and receptive field of a denoiser at noisy test images.

Input: images.zarr, split.zarr, denoiser.safetensors. Output: properties.zarr with homogeneity,
linearity, equivariance and radius (sigma, image), and the mean receptive field by offset, field
(sigma, image, dy, dx). The attribute `even` is the radius of a uniform field.
"""

import numpy as np
import torch
import xarray as xr
from gahb import denoisers, store
from gahb.images import to_float
from gahb.properties import entries, receptive_field
from gahb.properties import properties as properties_of
from study.job import Job, run

FIELDS = {
    "homogeneity": ((), "|f(a y) - a f(y)| / |a f(y)|", "1"),
    "linearity": ((), "|f(y) - J y| / |f(y)|", "1"),
    "equivariance": ((), "|f(T y) - T f(y)| / |y - f(y)|", "1"),
    "radius": ((), "radius of the receptive field", "pixels"),
    "field": (("dy", "dx"), "mean |df_p / dy_q| by the offset q - p", "1"),
}


def main(images, split, denoiser, properties, *, sigma, count, pixels, seed, job=Job()):
    images, test = store.open_store(images).images, store.open_store(split).test.values
    chosen = test[:count]
    # A GPU's TF32 has 3 digits, too few to see that f is homogeneous.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    denoiser = denoisers.load(denoiser, images).to(job.device)
    clean = to_float(torch.from_numpy(store.take(images, chosen)))
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))
    shape = clean.shape[1:]
    p = entries(shape, pixels, seed)
    found = {name: [] for name in FIELDS}
    with job.progress(len(sigma) * len(clean), "images") as bar:
        for level in sigma:
            for y in (clean + level * noise).to(job.device):
                of_one = properties_of(denoiser, y, level, p)
                for name in FIELDS:
                    found[name].append(np.asarray(getattr(of_one, name), np.float32))
                bar.update()
    even = receptive_field(torch.ones(len(p), clean[0].numel()), p, shape)[1]
    dataset = xr.Dataset(
        {
            name: store.variable(
                ("sigma", "image", *dims),
                np.stack(found[name]).reshape(len(sigma), len(clean), *found[name][0].shape),
                long_name,
                units,
                nan="no such pixels were looked at" if dims else "",
            )
            for name, (dims, long_name, units) in FIELDS.items()
        },
        coords={
            "sigma": store.variable("sigma", sigma, "noise level"),
            "image": store.variable("image", chosen, "index of the image"),
            "dy": store.variable("dy", np.arange(1 - shape[1], shape[1]), "rows down", "pixels"),
            "dx": store.variable("dx", np.arange(1 - shape[2], shape[2]), "columns on", "pixels"),
        },
        attrs=store.provenance("Properties of a denoiser", job.parameters) | {"even": even},
    )
    store.save(dataset, properties)


if __name__ == "__main__":
    run(main, snakemake)
