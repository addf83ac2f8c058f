"""Denoisers made elsewhere: files of weights, and functions of the user."""
