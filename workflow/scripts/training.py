"""Train one network on the first N images of a subset.

Input: images.zarr, split.zarr. Output: denoiser.safetensors, and history.zarr with the training
loss (step), the learning rate (step) and the PSNR on training and test images (step, set, sigma) at
logarithmically spaced steps; with `snapshots`, also the weights (step, weight).

A checkpoint next to the weights is not a declared output, so Snakemake does not delete it: a killed
job continues from it. SIGTERM, SIGUSR1 and SIGINT save one and end the job with code 75: run again.
"""

import contextlib
import os
import shutil
import signal
import sys

import numpy as np
import torch
import xarray as xr
from gahb import denoisers, store
from gahb.decibels import input_psnr
from gahb.images import Members, bytes_to_hold
from gahb.psnr import psnr_curve
from gahb.training.batches import Streamed
from gahb.training.checkpoint import Checkpoint
from gahb.training.device import compiling_pays, use_gpu_kernels
from gahb.training.loop import train
from gahb.training.recipe import Recipe, history_steps
from gahb.training.state import Training
from study.job import Job, run

SIGMAS = [0.5, 0.2, 0.1, 0.05, 0.02]
MEASURED_IMAGES = 32


def main(
    images,
    split,
    denoiser,
    history,
    *,
    architecture,
    options,
    snapshots,
    recipe,
    subset,
    N,
    initialization_seed,
    seed,
    job=Job(),
):
    recipe = Recipe(**recipe)
    if job.device.type == "cuda":
        use_gpu_kernels(recipe.deterministic)
    parts, pixels = store.open_store(split), store.open_store(images).images
    members = parts[subset].values[:N]
    check(images, split, pixels, parts, subset, N, options)
    training_set = held(Members(pixels, members), job.device)
    measured = {
        name: torch.from_numpy(store.take(pixels, np.resize(of, MEASURED_IMAGES))).to(job.device)
        for name, of in {"train": members, "test": parts.test.values}.items()
    }
    described = {"architecture": architecture, "image_channels": pixels.shape[1], **options}
    network = denoisers.initialized(seed=initialization_seed, **described).to(job.device)
    if hasattr(network, "start_at"):
        network.start_at(torch.from_numpy(store.take(pixels, members)).to(job.device))
    compiled = compiling_pays(network, pixels.shape[1:], recipe, job.device)
    if compiled:
        # One folder for all jobs, so that a network is compiled once.
        cache = os.path.expanduser("~/.cache/torch/inductor")
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", cache)
    training = Training(network, training_set, recipe, seed, compiled)
    minutes = job.resources.get("checkpoint_minutes", 5)
    settings = {name: value for name, value in job.parameters.items() if name != "job"}
    checkpoint = Checkpoint(denoiser, repr(settings), minutes)
    # Until here a signal ends the job at once.
    with asked_to_stop() as asked:
        recorded = checkpoint.restore(training)
        if training.step:
            earlier = checkpoint.log.read_text() if checkpoint.log.exists() else ""
            print(f"{earlier}\nresumed from step {training.step} of {recipe.steps}")
        print(
            f"{N} images, {recipe.steps} steps of {recipe.batch}; "
            f"{'bf16' if training.autocast else 'fp32'}, "
            f"{'compiled' if compiled else 'not compiled'}, "
            f"{'streamed' if isinstance(training_set, Streamed) else 'on the device'}"
        )
        recorded = trained(training, recorded, measured, snapshots, checkpoint, asked, job)
        store.save(as_dataset(recorded, recipe, job), history)
        with store.atomic(denoiser) as partial:
            denoisers.save(training.averaged, partial, **described, parameters=job.parameters)
        checkpoint.remove()


def trained(training, recorded, measured, snapshots, checkpoint, asked, job) -> dict:
    """Train to the end and return the recorded values.

    Ends the job, with a checkpoint, once a signal is in `asked`.
    """
    recipe = training.recipe

    def save() -> None:
        checkpoint.save(training, recorded)
        if job.log:
            shutil.copyfile(job.log, checkpoint.log)

    def stop() -> None:
        print(f"\n{job.name}: stopped at step {training.step} of {recipe.steps}; ", end="")
        print("run again to continue")
        save()
        sys.exit(os.EX_TEMPFAIL)

    # At the start too, so that a folder that cannot be written shows at once.
    save()
    if asked:
        stop()
    record_at = set(history_steps(recipe.steps))
    with job.progress(recipe.steps * recipe.batch, "images") as bar:
        # A resumed training does not count images seen before.
        bar.initial = bar.n = training.step * recipe.batch
        for step in train(training):
            if step in record_at:
                training.check()
                now = measurements(training, measured, snapshots)
                test = now["psnr"][1, SIGMAS.index(0.1)]
                bar.set_postfix_str(f"test PSNR {test:.2f} dB at sigma 0.1", refresh=False)
                recorded = {
                    k: np.concatenate([recorded[k], [v]]) if recorded else np.array([v])
                    for k, v in now.items()
                }
            bar.update(recipe.batch)
            if step < recipe.steps and asked:
                stop()
            if checkpoint.due():
                save()
    return recorded


@contextlib.contextmanager
def asked_to_stop():
    """Catch SIGTERM, SIGUSR1 and SIGINT; the list returned holds those received."""
    caught = []
    before = {
        number: signal.signal(number, lambda number, _: caught.append(number))
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
    }
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check(images, split, pixels, parts, subset, N, options):
    """Raise ValueError if there are fewer than N images, or their side does not fit."""
    if parts[subset].size < N:
        raise ValueError(
            f"N = {N}, but {split} gives at most {parts[subset].size} images of the "
            f"{pixels.sizes['image']} to {subset}, with {parts.sizes['test_image']} for the test "
            "set"
        )
    sides, blocks = pixels.shape[2:], options.get("blocks", 0)
    if any(length % 2**blocks for length in sides):
        raise ValueError(
            f"{images}: has images of {sides[0]} x {sides[1]} pixels, not a multiple of "
            f"2^{blocks}, which a network with {blocks} blocks needs; `side` resizes them"
        )


def held(training_set: Members, device: torch.device) -> torch.Tensor | Streamed:
    """The training set on the device, or streamed to it if it is too large."""
    if training_set.nbytes <= bytes_to_hold(device):
        return torch.from_numpy(training_set[:]).to(device)
    # Two parts are held, and a third while it is being sorted.
    pool = bytes_to_hold(device) * len(training_set) // training_set.nbytes // 3
    return Streamed(training_set, pool, device)


def measurements(training: Training, measured: dict, snapshots: bool) -> dict:
    """Recorded values of a training, by name."""
    denoiser = denoisers.NetworkDenoiser(training.averaged)
    curves = [psnr_curve(denoiser, clean, SIGMAS, seed=0).mean(1) for clean in measured.values()]
    found = {
        "step": training.step,
        "loss": float(training.loss),
        "psnr": np.array(curves),
        "learning_rate": training.recipe.learning_rate_at(training.step - 1),
    }
    return found | ({"weights": denoisers.flat(training.averaged)} if snapshots else {})


def as_dataset(recorded: dict, recipe: Recipe, job: Job) -> xr.Dataset:
    steps = recorded["step"]
    variables = {
        "loss": store.variable("step", recorded["loss"], "training loss per pixel"),
        "psnr": store.variable(("step", "set", "sigma"), recorded["psnr"], "output PSNR", "dB"),
        "learning_rate": store.variable("step", recorded["learning_rate"], "learning rate"),
    }
    if "weights" in recorded:
        variables["weights"] = store.variable(
            ("step", "weight"), recorded["weights"], "weights, in the order of denoisers.flat"
        )
    return xr.Dataset(
        variables,
        coords={
            "step": store.variable("step", steps, "gradient steps taken"),
            "images_seen": store.variable("step", recipe.batch * steps, "training images seen"),
            "set": store.variable("set", ["train", "test"], "set of images"),
            "sigma": store.variable("sigma", SIGMAS, "noise level"),
            "input_psnr": store.variable("sigma", input_psnr(np.array(SIGMAS)), "input PSNR", "dB"),
        },
        attrs=store.provenance("Training history", job.parameters),
    )


if __name__ == "__main__":
    run(main, snakemake)
