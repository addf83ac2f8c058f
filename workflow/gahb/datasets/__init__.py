"""Sources of images, one file each: `source_name.py` holds `source_name(**options) -> Source`.

A new one is one file here and its options in the config's schema. A source says how many images
there are and reads any range of them, so that a data set never has to fit in memory.
"""

import importlib

from gahb.datasets.base import Source


def open_source(source: str, **options) -> Source:
    """The source of this name, opened with the options of its config entry."""
    # Only the module that is asked for is imported: a job depends on no other source's code.
    return getattr(importlib.import_module(f"gahb.datasets.{source}"), source)(**options)
