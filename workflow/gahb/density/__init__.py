"""The density that a denoiser has learned, in nats: from nothing but its squared errors.

`errors` measures them, `integral` and `likelihood` make log-densities of them, `nats` compares
denoisers by them, and `dimension` says how many directions of an image a denoiser keeps.
"""
