"""Train one network on the first N images of one side.

Input: images.zarr, split.zarr. Output: weights.safetensors, and history.zarr with the training loss
(step), the learning rate (step) and the PSNR on training and test images (step, set, sigma) at
steps that are spaced logarithmically; with `snapshots`, the weights (step, weight) too.

A checkpoint beside the weights is no declared output, so that Snakemake does not delete it: a job
that is killed goes on from it. SIGTERM, SIGUSR1 and SIGINT save one and end the job with exit code
75: run again.
"""

import os
import sys

import numpy as np
import torch
import xarray as xr
from gahb import networks, store
from gahb.denoising import Denoiser, input_psnr, psnr_curve
from gahb.training import (
    Checkpoint,
    Interrupted,
    Recipe,
    Streamed,
    Training,
    asked_to_stop,
    compiling_pays,
    fit,
    use_gpu_kernels,
)
from study.job import running

SIGMAS = [0.5, 0.2, 0.1, 0.05, 0.02]
MEASURED_IMAGES = 64
#: A larger training set is streamed. On a GPU, a fourth of its memory.
MOST_BYTES_ON_CPU = 2**30


def bytes_to_hold(device: torch.device) -> int:
    if device.type == "cpu":
        return MOST_BYTES_ON_CPU
    return torch.cuda.get_device_properties(device).total_memory // 4


with running(snakemake) as job:
    stopping = asked_to_stop()
    values = job.values
    recipe = Recipe(**values["recipe"])
    if job.device.type == "cuda":
        use_gpu_kernels(recipe.deterministic)
    images, split = store.open_store(job.input.images), store.open_store(job.input.split)
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

    def chosen(indices) -> torch.Tensor:
        return torch.from_numpy(store.take(images.images, indices)).to(job.device)

    bytes_each = images.images[0].nbytes
    most = bytes_to_hold(job.device) // bytes_each
    if len(members) <= most:
        training_set = chosen(members)
    else:
        # Two parts are held, and a third while it is put in order.
        training_set = Streamed(
            lambda places: store.take(images.images, members[places]),
            count=len(members),
            pool=most // 3,
            device=job.device,
        )
    measured = {
        "train": chosen(np.resize(members, MEASURED_IMAGES)),
        "test": chosen(np.resize(split.test.values, MEASURED_IMAGES)),
    }
    shape = images.images.shape[1:]
    network = networks.initialized(
        values["architecture"],
        values["initialization_seed"],
        image_channels=shape[0],
        **values["sizes"],
    ).to(job.device)
    compiled = compiling_pays(network, shape, recipe, job.device)
    if compiled:
        # One place for all jobs, so that a network is compiled once.
        os.environ.setdefault(
            "TORCHINDUCTOR_CACHE_DIR", os.path.expanduser("~/.cache/torch/inductor")
        )
    training = Training(network, training_set, recipe, values["seed"], compiled)
    weights, history_store = job.output
    checkpoint = Checkpoint(weights, repr(job.made_by), snakemake.resources.checkpoint_minutes)

    def measure(training):
        denoiser = Denoiser(training.averaged)
        curves = [psnr_curve(denoiser, m, SIGMAS, seed=0).mean(1) for m in measured.values()]
        found = {"psnr": np.array(curves), "rate": recipe.learning_rate(training.step - 1)}
        test = found["psnr"][1, SIGMAS.index(0.1)]
        bar.set_postfix_str(f"test PSNR {test:.2f} dB at sigma 0.1", refresh=False)
        if values["snapshots"]:
            found["weights"] = networks.flat(training.averaged)
        return found

    print(
        f"{len(members)} images, {recipe.steps} steps of {recipe.batch}; "
        f"{'bf16' if training.autocast else 'fp32'}, {'compiled' if compiled else 'not compiled'}, "
        f"{'streamed' if isinstance(training_set, Streamed) else 'on the device'}"
    )
    with job.progress(recipe.steps * recipe.batch, "images") as bar:

        def progress(training):
            if not bar.n:  # a training that is resumed does not count what it had seen before
                bar.initial = bar.n = (training.step - 1) * recipe.batch
            bar.update(training.step * recipe.batch - bar.n)

        try:
            history = fit(training, checkpoint, measure, stopping, progress)
        except Interrupted as interrupted:
            print(f"\n{job.name}: {interrupted}")
            sys.exit(os.EX_TEMPFAIL)

    variables = {
        "loss": store.variable("step", history["loss"], "training loss per pixel"),
        "psnr": store.variable(("step", "set", "sigma"), history["psnr"], "output PSNR", "dB"),
        "rate": store.variable("step", history["rate"], "learning rate"),
    }
    if values["snapshots"]:
        variables["weights"] = store.variable(
            ("step", "weight"), history["weights"], "weights, in the order of networks.flat"
        )
    dataset = xr.Dataset(
        variables,
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
            training.averaged, partial, values["architecture"],
            image_channels=shape[0], **values["sizes"],
        )  # fmt: skip
    checkpoint.remove()
