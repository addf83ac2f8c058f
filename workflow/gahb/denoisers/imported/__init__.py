"""Denoisers made elsewhere: files of weights, and the user's functions."""
