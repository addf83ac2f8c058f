r"""Denoisers compared in nats, from their stores density.zarr of the same images and noises.

With mse(x, sigma) a squared error and p_sigma_0 the density of noisy images at the cut-off,

.. math::
    \mathrm{KL}(p_{\sigma_0} \Vert q_{\sigma_0}) \le \int_{\sigma_0}^\infty
    \bigl[\mathrm{mse}_f - \mathrm{mse}_{\text{best}}\bigr]\, \sigma^{-3}\, d\sigma
    + \text{what the best one lacks},

with equality where f is the posterior mean under a density q. Differences are taken image by image
before any mean, so that the common effects of images and noises cancel.
"""

import math

import xarray as xr

from gahb import statistics
from gahb.density.integral import weights
from gahb.summaries.tables import bounded


def least_errors(each: list[xr.Dataset]) -> xr.DataArray:
    """At each noise level, the errors of the denoiser with the smallest ones on test images.

    Args:
        each: density.zarr of some denoisers. The Gaussian of the first is another one.

    Returns: (pair, set, sigma, image).
    """
    every = xr.concat([each[0].mse_gaussian, *(data.mse for data in each)], "denoiser")
    least = every.sel(set="test", drop=True).mean(("pair", "image")).argmin("denoiser")
    return every.isel(denoiser=least)


def lost(data: xr.Dataset, best: xr.DataArray) -> xr.DataArray:
    """int [mse_f - mse_best] sigma^-3 dsigma above each noise level, (set, sigma, pair, image).

    It is how much lower f's log-density of an image is than that of `best`, in nats.
    """
    w = xr.DataArray(weights(data.sigma.values), dims=("cutoff", "sigma"))
    found = xr.dot(w, data.mse - best, dim="sigma").rename(cutoff="sigma")
    return found.assign_coords(sigma=data.sigma, input_psnr=data.input_psnr)


def compared(data: xr.Dataset, other: xr.Dataset, best: xr.DataArray) -> dict:
    """Losses and memory of a denoiser at the last cut-off, in nats per image.

    kl: loss to the best on test images; kl_bits: in bits per entry. kl_between: loss on them to the
    other denoiser of the pair. memory: gain on training images. Each has an interval over images.
    noise_error, integration_error: standard error of kl due to the noises alone, and error of the
    integral over noise levels.

    Args:
        data: density.zarr of the denoiser trained on S1.
        other: density.zarr of the denoiser trained on S2.
        best: `least_errors` of denoisers that have not seen S1.
    """
    last, of_pair = (lost(data, b).isel(sigma=-1) for b in (best, other.mse))
    kl = interval("kl", last.sel(set="test"))
    bits = data.attrs["entries"] * math.log(2)
    noises = last.sel(set="test").mean("image").std("pair", ddof=1) / math.sqrt(last.sizes["pair"])
    return {
        **kl,
        **{name.replace("kl", "kl_bits"): value / bits for name, value in kl.items()},
        **interval("kl_between", of_pair.sel(set="test")),
        **interval("memory", -last.sel(set="S1")),
        "noise_error": float(noises),
        "integration_error": float(data.integration_error.sel(set="test")),
    }


def interval(name: str, values: xr.DataArray) -> dict:
    """Mean over images of values (pair, image) or (image,), and its interval over images."""
    values = values.mean("pair") if "pair" in values.dims else values
    return bounded(name, statistics.mean(values))


def per_entry(data: xr.Dataset) -> xr.DataArray:
    """Log-density at the last cut-off in nats per entry, (set, image)."""
    return data.log_density.isel(sigma=-1) / data.attrs["entries"]


def log_densities(data: xr.Dataset) -> dict:
    """Mean log-density of test images, and how much likelier training images are, per entry.

    The Gaussian's is subtracted before training and test images are compared, since some images are
    likelier in themselves. With intervals over images.
    """
    found = interval("log_density", per_entry(data).sel(set="test"))
    if "S1" not in data.set:
        return found
    gained = per_entry(data) - data.log_density_gaussian.isel(sigma=-1) / data.attrs["entries"]
    gap = statistics.difference(gained.sel(set="S1"), gained.sel(set="test"))
    return found | bounded("log_density_gap", gap)
