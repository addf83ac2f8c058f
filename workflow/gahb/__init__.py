"""Geometry-adaptive harmonic bases: the science of the study, arrays in, arrays out.

Kadkhodaie, Guth, Simoncelli and Mallat, "Generalization in diffusion models arises from
geometry-adaptive harmonic representations", ICLR 2024 (arXiv 2310.02557).

Images are float32 in [0, 1] of shape (image, channel, y, x); sigma is in the same units.
"""

import importlib


def __getattr__(name: str):
    # Loaded by name: an import here would be part of every job's code, and slow every start.
    if name == "audit":
        return importlib.import_module("gahb.copies.judgement").audit
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
