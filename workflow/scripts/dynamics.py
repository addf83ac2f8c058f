"""Memorization and agreement with references at each snapshot of a training.

Input: images.zarr, split.zarr, history.zarr with its weights, history.zarr of the other subset if
the study compares pairs, and the references of the study. Output: dynamics.zarr along step, with
the coordinate images_seen: psnr (step, set, sigma) from the history; memorized and closest (step,
sample); between and beyond (step, sample) if there is another subset; agreement (step, reference,
sigma, set, image), how far each reference explains the network on noisy training and test images:
the memorizer and the Wiener filter of its training images, and the references of the study;
parameters, the number of its weights.
"""

import numpy as np
import torch
import xarray as xr
from gahb import denoisers, store
from gahb.denoisers.references import memorizer, wiener
from gahb.dynamics import at_step, noisy
from gahb.images import Members, to_float
from gahb.samples.flow import noise_levels
from gahb.samples.gaussian import gaussian_flow
from gahb.samples.start import named
from study.job import Job, run


def main(
    images,
    split,
    history,
    other,
    references,
    dynamics,
    *,
    names,
    architecture,
    options,
    subset,
    N,
    count,
    steps,
    start,
    mean,
    sd,
    sigma_min,
    seed,
    job=Job(),
):
    pixels, parts = store.open_store(images).images, store.open_store(split)
    members = Members(pixels, np.sort(parts[subset].values[:N]))
    test = Members(pixels, np.sort(parts.test.values))
    past = store.open_store(history)
    levels, sigmas = past.sigma.values, noise_levels(sd, sigma_min, steps)
    y = named(start, seed, test, mean=mean, sd=sd)(torch.arange(count, device=job.device))
    chosen = [np.resize(of, count) for of in (members.members, parts.test.values)]
    clean = store.take(pixels, np.concatenate(chosen))
    judged = noisy(to_float(torch.from_numpy(clean)).to(job.device), levels, seed)
    explaining = {
        "memorizer": memorizer.Memorizer(members),
        "wiener": wiener.of(members),
        **{n: denoisers.load(p, pixels) for n, p in zip(names, references, strict=True)},
    }
    answers = {name: judged.denoised(f.to(job.device)) for name, f in explaining.items()}
    of_all = wiener.of(Members(pixels, np.arange(len(pixels))))
    g = gaussian_flow(of_all.to(job.device).double(), y.double(), sd, sigma_min)
    training = torch.from_numpy(members[:]).to(job.device)

    # In parallel with the other subset's network at the same steps.
    trained = [past, *map(store.open_store, other)]
    network = denoisers.build(architecture, image_channels=pixels.shape[1], **options)
    found = []
    with job.progress(past.sizes["step"], "snapshots") as bar:
        for snapshot in range(past.sizes["step"]):
            at = []
            for one in trained:
                denoisers.set_flat(network, one.weights[snapshot].values)
                at.append(denoisers.NetworkDenoiser(network).to(job.device))
            f, *others = at
            found.append(at_step(f, training, y, sigmas, judged, answers, *others, g=g))
            bar.update()
    measured = {k: torch.stack([f[k] for f in found]).cpu().numpy() for k in found[0]}
    parameters = sum(p.numel() for p in network.parameters())
    store.save(as_dataset(measured, past, list(answers), parameters, architecture, job), dynamics)


def as_dataset(measured, past, references, parameters, architecture, job) -> xr.Dataset:
    means = {
        "memorized": "1 where memorized by the 1/3 rule, contrast and mean fitted, 0 where not",
        "closest": "cosine to the closest training image",
        "between": "cosine to the other network's sample from the same noise",
        "beyond": "that cosine, once the Gaussian's sample is projected out of both",
    }
    along = {
        name: store.variable(
            ("step", "sample"), measured[name], words, nan="not finite, or nothing is left"
        )
        for name, words in means.items()
        if name in measured
    }
    r2 = measured["agreement"]
    agreement = store.variable(
        ("step", "reference", "sigma", "set", "image"),
        r2.reshape(*r2.shape[:3], past.sizes["set"], -1),
        "part of the network's variance that a reference explains",
    )
    return xr.Dataset(
        {
            **along,
            "agreement": agreement,
            "psnr": store.variable(("step", "set", "sigma"), past.psnr.values, "output PSNR", "dB"),
            "parameters": store.variable((), parameters, "number of weights"),
        },
        coords={
            name: store.variable(past[name].dims, past[name].values, past[name].long_name, units)
            for name, units in {
                "step": "1",
                "images_seen": "1",
                "set": "1",
                "sigma": "1",
                "input_psnr": "dB",
            }.items()
        }
        | {"reference": store.variable("reference", references, "reference")},
        attrs=store.provenance("Dynamics", job.parameters) | {"architecture": architecture},
    )


if __name__ == "__main__":
    run(main, snakemake)
