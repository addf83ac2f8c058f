"""CelebA's aligned faces with the paper's crop, from its folder or zip file.

Rows 29 to -29 and columns 9 to -9 of 218 x 178 pixels leave 160 x 160; resized to 80 or 40.
"""

from pathlib import Path

from gahb.datasets.archive import archive
from gahb.datasets.base import Source
from gahb.datasets.folder import folder

CROP = {"rows": [29, -29], "columns": [9, -9]}


def celeba(*, path: str, **options) -> Source:
    """The faces of img_align_celeba, its folder or zip file; options: see `prepared`."""
    source = folder if Path(path).is_dir() else archive
    return source(path=path, match="*.jpg", crop=CROP, **options)
