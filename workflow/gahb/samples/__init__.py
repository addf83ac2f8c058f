"""Sampling from the density implicit in a denoiser."""
