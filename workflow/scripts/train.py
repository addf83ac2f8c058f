"""Train one network on the first N images of one side.

Input: images.zarr, split.zarr. Output: weights.safetensors, and history.zarr with the training loss
(step) and the PSNR on training and test images (step, set, sigma) at steps that are dense early and
logarithmic later.

A checkpoint beside the weights is no declared output, so that Snakemake does not delete it: a job
that is killed goes on from it. SIGTERM and SIGUSR1 save one and end the job.
"""

import signal

import numpy as np
import torch
import xarray as xr
from gahb import networks, store
from gahb.denoising import Denoiser, input_psnr, psnr_curve
from gahb.training import Checkpoint, Recipe, Training, fit
from study.job import running
from tqdm import tqdm

SIGMAS = [0.5, 0.2, 0.1, 0.05, 0.02]
MEASURED_IMAGES = 64

with running(snakemake) as job:
    values = job.values
    images, split = store.open_store(job.input.images), store.open_store(job.input.split)

    def chosen(indices) -> torch.Tensor:
        return torch.from_numpy(store.take(images.images, indices)).to(job.device)

    members = split[values["side"]].values[: values["N"]]
    if len(members) < values["N"]:
        raise ValueError(
            f"N = {values['N']}, but {job.input.split} gives at most {len(members)} images of the "
            f"{images.sizes['image']} to {values['side']}, with {split.sizes['test_image']} for "
            "the test set"
        )
    pixels, blocks = (images.sizes["y"], images.sizes["x"]), values["sizes"].get("blocks", 0)
    if any(length % 2**blocks for length in pixels):
        raise ValueError(
            f"{job.input.images}: has images of {pixels[0]} x {pixels[1]} pixels, no multiple of "
            f"2^{blocks}, which a network with {blocks} blocks needs; `side` resizes them"
        )
    training_set = chosen(members)
    measured = {
        "train": training_set[torch.arange(MEASURED_IMAGES) % len(training_set)],
        "test": chosen(np.resize(split.test.values, MEASURED_IMAGES)),
    }
    network = networks.initialized(
        values["architecture"],
        values["initialization_seed"],
        image_channels=training_set.shape[1],
        **values["sizes"],
    )
    recipe = Recipe(**values["recipe"])
    training = Training(network, training_set, recipe, values["seed"])
    weights, history_store = job.output
    checkpoint = Checkpoint(f"{weights}.checkpoint", repr(job.made_by))

    stop = []
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, lambda *caught: stop.append(caught))

    def measure(training):
        denoiser = Denoiser(training.network)
        curves = [psnr_curve(denoiser, m, SIGMAS, seed=0).mean(1) for m in measured.values()]
        return {"psnr": np.array(curves), "rate": recipe.learning_rate(training.step - 1)}

    with tqdm(total=recipe.steps, unit="steps", mininterval=2) as bar:
        history = fit(
            training,
            checkpoint,
            measure,
            asked_to_stop=lambda: bool(stop),
            progress=lambda training: bar.update(training.step - bar.n),
        )

    dataset = xr.Dataset(
        {
            "loss": store.variable("step", history["loss"], "training loss per pixel"),
            "psnr": store.variable(("step", "set", "sigma"), history["psnr"], "output PSNR", "dB"),
            "rate": store.variable("step", history["rate"], "learning rate"),
        },
        coords={
            "step": store.variable("step", history["step"], "gradient steps taken"),
            "set": store.variable("set", list(measured), "set of images"),
            "sigma": store.variable("sigma", SIGMAS, "noise level"),
            "input_psnr": store.variable("sigma", input_psnr(np.array(SIGMAS)), "input PSNR", "dB"),
        },
        attrs=store.provenance("Training history", job.made_by),
    )
    store.save(dataset, history_store)
    with store.whole(weights) as partial:
        networks.save(
            network, partial, values["architecture"],
            image_channels=training_set.shape[1], **values["sizes"],
        )  # fmt: skip
    checkpoint.remove()
