"""Sources of images, one file each: `source_name.py` holds `source_name(**options) -> Source`.

A new one is one file here and its options in the config. A source says how many images there are
and reads any range of them, so that a data set never has to fit in memory.
"""

from gahb.datasets.base import Source, open_source

__all__ = ["Source", "open_source"]
