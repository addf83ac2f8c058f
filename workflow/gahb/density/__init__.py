"""The density that a denoiser has learned, in nats, from its squared errors alone.

`errors` measures them, `integral` and `likelihood` turn them into log-densities, `nats` compares
denoisers by these, and `dimension` counts the directions of an image that a denoiser keeps.
"""
