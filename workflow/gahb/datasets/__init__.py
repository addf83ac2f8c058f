"""Sources of images, one file each: `source_name.py` holds `source_name(**options) -> Source`.

To add a source, add one file here and its options to the config. A source knows how many images it
has and reads any range of them, so that a data set never has to fit in memory.
"""

from gahb.datasets.base import Source, open_source

__all__ = ["Source", "open_source"]
