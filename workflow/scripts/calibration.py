"""A theory calibrated on a network of the same training images, using separate test images.

Input: images.zarr, split.zarr, denoiser.safetensors of the network. Output: calibration.zarr with
cosine (value, sigma, image), the cosine of the theory's and the network's score, chosen (sigma),
the value with the greatest median, image_index (image), and for flexible patches sensitivity
(sigma, output, input), the network's mean |df/dy|. The attribute `option` names the option of these
values.
"""

import numpy as np
import torch
import xarray as xr
from gahb import denoisers, store
from gahb.agreement import noisy_images
from gahb.calibration import best, cosines, sensitivity, windows
from gahb.images import Members, to_float
from study.job import Job, run

#: Meaning of NaN.
WHY = "the theory refuses the value: with it, masks would be empty"


def main(
    images,
    split,
    network,
    calibration,
    *,
    reference,
    option,
    sensitive,
    sigma,
    count,
    values,
    subset,
    N,
    seed,
    job=Job(),
    **options,
):
    images, split = store.open_store(images).images, store.open_store(split)
    network = denoisers.load(network, images).to(job.device)
    # The first ones are reserved for evaluation.
    chosen = split.test.values[-count:]
    clean = to_float(torch.from_numpy(store.take(images, chosen))).to(job.device)
    noisy = noisy_images(clean, sigma, seed)
    if option == "window":
        values = windows(values, images.sizes["y"])
    seen = {"sensitivity": sensitivity(network, noisy, sigma)} if sensitive else {}
    training = Members(images, np.sort(split[subset].values[:N]))
    of_level = dict.fromkeys(sigma, values[0])
    tensors = denoisers.fit(reference, training, **options, **{option: of_level}, **seen)
    theory = denoisers.built(reference, tensors, training).to(job.device)
    found = cosines(theory, network, noisy, sigma, values)
    units = "pixel" if option == "window" else "1"
    variables = {
        "cosine": store.variable(
            ("value", "sigma", "image"), found, "cosine of the scores", nan=WHY
        ),
        "chosen": store.variable("sigma", best(found, values), f"chosen {option}", units),
        "image_index": store.variable("image", chosen, "index of the image"),
    }
    if sensitive:
        dims = ("sigma", "output", "input")
        found_there = seen["sensitivity"].cpu()
        variables["sensitivity"] = store.variable(dims, found_there, "mean |df/dy| of the network")
    dataset = xr.Dataset(
        variables,
        coords={
            "value": store.variable("value", values, option, units),
            "sigma": store.variable("sigma", sigma, "noise level"),
        },
        attrs=store.provenance("Calibration of a theory on a network", job.parameters)
        | {"option": option},
    )
    store.save(dataset, calibration)


if __name__ == "__main__":
    run(main, snakemake)
