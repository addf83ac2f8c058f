"""Distributions of images for which the best denoiser is known: their posterior means.

One file, `source.py`, for each source of `gahb.datasets` that has one, with a module `Source` of
the same name. Its arguments are options of the source, arrays of images.zarr that describe the
distribution and, for Monte Carlo, the length of chains. It is called like a denoiser, f(y, sigma) =
E[x | y], and has

- `log_density(y, sigma)`: log p_sigma(y) in nats for each noisy image, where that is known;
- `posterior(y, sigma)`: further statistics, where the mean is found by Monte Carlo: mean (image,
  channel, y, x) and, for each image, variance, error and rhat (`optima.calpha`).
"""
