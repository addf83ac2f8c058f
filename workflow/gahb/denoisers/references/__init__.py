"""References: denoisers that theory derives from a training set, one file each.

Each holds `fit(training, **options) -> dict`, the tensors kept from a training set, and
`build(tensors, training) -> nn.Module`, the denoiser. Keyword arguments of `fit` are its options in
the config. A reference that can be calibrated on a network names that option in `CALIBRATED`; `fit`
then also takes a value of it for each noise level, {sigma: value}, and its denoiser is also called
(y, sigma, value). Between noise levels the nearest one in log sigma is used.
"""
