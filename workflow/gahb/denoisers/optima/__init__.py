"""Distributions of images of which the best denoiser is known: their posterior means.

One file for each source of `gahb.datasets` that has one, `source.py`, with a module `Source` of the
same name. Its arguments are options of the source and what images.zarr holds of the distribution,
and of one that is found by Monte Carlo how long it takes. It is called as denoisers are,
f(y, sigma) = E[x | y], and has

- `log_density(y, sigma)`: log p_sigma(y) in nats of each noisy image, where that is known;
- `posterior(y, sigma)`: what is known beside the mean, where that is found by Monte Carlo: mean
  (image, channel, y, x) and, for each image, variance, error and rhat (`optima.calpha`).
"""
