"""Sampling from the density that is implicit in a denoiser."""
