"""Studies: which figures are drawn, and what they show."""

from typing import Annotated, Literal

from pydantic import TypeAdapter, WrapValidator

from study import figures
from study.config.base import Count, Entry, several
from study.config.messages import closest, renamed

Names = several(str)
_SIZES = TypeAdapter(several(Count))


def _sizes(value, _):
    """Errors about the list rather than all alternatives."""
    return value if value == "all" else _SIZES.validate_python(value, strict=True)


class Study(Entry):
    """Figures of networks trained on data sets."""

    RENAMED = {"networks": "denoisers", "rates": "slopes", "shuffled": "geometry"}

    datasets: Names
    """Names of entries of datasets."""
    denoisers: Names
    """Names of entries of denoisers."""
    references: several(str, least=0) = []
    """Names of entries of denoisers that figures compare with each of `denoisers`, trained on the
    same images."""
    sizes: Annotated[several(Count) | Literal["all"], WrapValidator(_sizes)]
    """Sizes N of the training sets; all, if the number of images in S1 is known before they are
    read: the images of `train` in the data set, or all but the test images."""
    seeds: Count = 1
    """Number of networks for each training set that differ only in their seed; with more than one,
    curves and numbers are medians over them, with the smallest and the largest."""
    ceiling: bool | several(Count) = False
    """Whether two networks with different seeds are also trained on the same images, or the sizes
    for which they are. The similarity of their samples is the most that two networks trained on
    different images can reach."""
    figures: Names
    """Figures to draw, each for every denoiser. Figures that compare samples need denoisers for
    both subsets."""

    def mistakes(self):
        declared = figures.declared()
        if isinstance(self.ceiling, list) and self.sizes != "all":
            for i, size in enumerate(self.ceiling):
                if size not in self.sizes:
                    yield f"ceiling.{i}", f"found {size}, which is not one of sizes: {self.sizes}"
        for i, name in enumerate(self.figures):
            if name not in declared:
                meant = renamed(type(self), name) or closest(name, declared)
                yield f"figures.{i}", f"found {name!r}{meant}"
