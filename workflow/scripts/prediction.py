"""Predictions for networks from the covariance of the images, before training.

Input: images.zarr, split.zarr. Output: prediction.zarr along N, for Wiener filters of N images:
between (N, sample), the cosines of the samples of two filters, of the first N images of S1 and of
S2, from the starts of the networks' samples; mse (N, set, sigma), the mean squared error per pixel
of the filter of S1 on its training images and on the test images, exact over the noise; both
predicted by random matrix theory, from the covariance of all images but the test images, as
expected_between (N) and expected_mse (N, set, sigma); variances (axis), the eigenvalues of that
covariance; and expected_beyond (N), the predicted cosine beyond the Gaussian of all images.
"""

import numpy as np
import torch
import xarray as xr
from gahb import prediction as theory
from gahb import store
from gahb.decibels import sigma_from_psnr
from gahb.denoisers.references import wiener
from gahb.images import Members
from gahb.samples.gaussian import gaussian_flow
from gahb.samples.start import named
from gahb.similarity.pixels import paired_cosine
from study.job import Job, run


def main(images, split, prediction, *, sizes, input_psnr, count, start, mean, sd, seed, job=Job()):
    pixels, parts = store.open_store(images).images, store.open_store(split)

    def fitted(indices) -> wiener.Wiener:
        return wiener.of(Members(pixels, np.sort(indices))).to(job.device).double()

    test = Members(pixels, np.sort(parts.test.values))
    y = named(start, seed, test, mean=mean, sd=sd)(torch.arange(count, device=job.device)).double()
    held_out = torch.from_numpy(test[:]).to(job.device)
    sigma = sigma_from_psnr(input_psnr)
    between, mse = [], []
    for N in sizes:
        pair = [fitted(parts[subset].values[:N]) for subset in ("S1", "S2")]
        between.append(paired_cosine(*(gaussian_flow(f, y, sd) for f in pair)).cpu().numpy())
        mse.append(np.stack([theory.wiener_errors(pair[0], held_out, s) for s in sigma], 1))
    of_others, of_all = fitted(parts.S1.values), fitted(np.arange(len(pixels)))
    expected = theory.expected(of_others, of_all, len(pixels), sizes, sigma, sd)
    dataset = xr.Dataset(
        {
            "between": store.variable(
                ("N", "sample"), between, "cosine between samples of two Wiener filters"
            ),
            "mse": store.variable(
                ("N", "set", "sigma"), mse, "mean squared error per pixel of a Wiener filter"
            ),
            "expected_between": store.variable(
                "N", expected.between, "cosine between samples expected by random matrix theory"
            ),
            "expected_beyond": store.variable(
                "N", expected.beyond, "that cosine beyond the Gaussian of all images"
            ),
            "expected_mse": store.variable(
                ("N", "set", "sigma"),
                expected.mse,
                "mean squared error per pixel expected by random matrix theory",
            ),
            "variances": store.variable(
                "axis", of_others.variances.cpu().numpy(), "eigenvalue of the covariance"
            ),
        },
        coords={
            "N": store.variable("N", sizes, "images in the training set"),
            "set": store.variable("set", ["train", "test"], "set of images"),
            "sigma": store.variable("sigma", sigma, "noise level"),
            "input_psnr": store.variable("sigma", input_psnr, "input PSNR", "dB"),
        },
        attrs=store.provenance("Prediction from the covariance", job.parameters),
    )
    store.save(dataset, prediction)


if __name__ == "__main__":
    run(main, snakemake)
