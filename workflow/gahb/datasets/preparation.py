"""From original pictures to images of one size: background, turn, crop, gray, resize, patches.

A picture is an array (y, x, channel), bytes or float32 in [0, 1], where a fourth channel is
opacity. An image is an array (channel, y, x) of the same type: bytes stay bytes, rounded once. The
paper's faces are `crop={"rows": [29, -29], "columns": [9, -9]}, gray="mean", side=80`.
"""

import dataclasses

import numpy as np
from PIL import Image

from gahb.datasets.base import ImageError, UnusableImage

#: The background behind a picture, as a fraction of white.
BACKGROUNDS = {"white": 1, "black": 0}
#: Weights of red, green and blue in gray. Luma is defined by ITU-R BT.601.
GRAY = {"mean": (1 / 3, 1 / 3, 1 / 3), "luma": (0.299, 0.587, 0.114)}


@dataclasses.dataclass(frozen=True)
class Preparation:
    """Processing of every picture.

    Args:
        background: "white" or "black", the background of transparent pictures. None refuses them,
            except that constant opacity, which shows nothing, is dropped.
        landscape: turn pictures that are taller than wide by 90 degrees.
        crop: None; "center", the largest centered square; a number of pixels, the side of a
            centered square; or {"rows": [start, stop], "columns": [start, stop]}, either one,
            counted from the end where negative, as Python does.
        gray: "mean" of the channels, "luma", or None to keep the channels.
        side: images are resized to side x side pixels; None keeps their size. With `patches`, the
            side of a patch.
        patches: None, or {"stride": pixels between neighboring patches, "scales": factors by which
            pictures are resized before patches are cut}.
    """

    background: str | None = None
    landscape: bool = False
    crop: str | int | dict | None = None
    gray: str | None = "mean"
    side: int | None = None
    patches: dict | None = None

    def picture(self, picture: np.ndarray, name: str) -> np.ndarray:
        """The picture turned, cropped, made gray and resized, without patches: (channel, y, x).

        Raises:
            UnusableImage: it is smaller than requested.
            ImageError: it is transparent, or resizing would distort it.
        """
        if picture.shape[2] == 4:
            picture = self._laid(picture, name)
        if self.landscape and picture.shape[0] > picture.shape[1]:
            picture = np.rot90(picture)
        height, width = picture.shape[:2]
        rows, columns = (
            _inside(*bounds, f"{name}: is {height} x {width} pixels (height x width)")
            for bounds in self._bounds(height, width)
        )
        picture = picture[rows, columns]
        values = picture if picture.dtype == np.uint8 else picture.astype(np.float32)
        if self.gray and picture.shape[2] == 3:
            values = (picture.astype(np.float32) @ np.array(GRAY[self.gray], np.float32))[..., None]
        values = values.transpose(2, 0, 1)
        if self.side and not self.patches:
            height, width = values.shape[1:]
            if height != width:
                raise ImageError(
                    f"{name}: is {height} x {width} pixels where it is to be resized to a square; "
                    "`crop: center` takes the largest square"
                )
            if height < self.side:
                raise UnusableImage(
                    f"{name}: is {height} x {width} pixels, smaller than side {self.side}"
                )
            values = resized(values, (self.side, self.side))
        return _as(picture.dtype, values)

    def _laid(self, picture: np.ndarray, name: str) -> np.ndarray:
        """The picture laid on its background, without opacity."""
        colours, opacity = picture[..., :3], picture[..., 3:]
        if self.background is None:
            if (opacity == opacity[0, 0]).all():
                return colours
            raise ImageError(
                f"{name}: is transparent in part; `background: white` or `background: black` says "
                "on which background it is seen"
            )
        white = 255 if picture.dtype == np.uint8 else 1
        behind = np.float32(white * BACKGROUNDS[self.background])
        return _as(picture.dtype, behind + (colours - behind) * (opacity / np.float32(white)))

    def _bounds(self, height: int, width: int):
        """(start, stop, length) of rows and of columns."""
        if isinstance(self.crop, dict):
            rows, columns = self.crop.get("rows", [0, height]), self.crop.get("columns", [0, width])
            return (*rows, height), (*columns, width)
        if self.crop is None:
            return (0, height, height), (0, width, width)
        side = min(height, width) if self.crop == "center" else self.crop
        return tuple(((n - side) // 2, (n - side) // 2 + side, n) for n in (height, width))

    def count(self, shape: tuple[int, ...]) -> int:
        """Number of patches of a prepared picture of this shape (channel, y, x)."""
        return sum(
            int(np.prod([(n - self.side) // self.patches["stride"] + 1 for n in size]))
            for size in self._sizes(shape)
        )

    def windows(self, picture: np.ndarray) -> list[np.ndarray]:
        """Patches of a prepared picture at each scale, (row, column, channel, y, x).

        They are views into the rescaled picture and take no memory of their own.
        """
        stride, window = self.patches["stride"], (self.side, self.side)
        found = []
        for size in self._sizes(picture.shape):
            scaled = _as(picture.dtype, resized(picture, size))
            all_windows = np.lib.stride_tricks.sliding_window_view(scaled, window, (1, 2))
            found.append(all_windows[:, ::stride, ::stride].transpose(1, 2, 0, 3, 4))
        return found

    def _sizes(self, shape: tuple[int, ...]) -> list[tuple[int, int]]:
        """Height and width at each scale at which a patch fits."""
        sizes = [tuple(round(s * n) for n in shape[1:]) for s in self.patches["scales"]]
        return [size for size in sizes if min(size) >= self.side]


def _inside(start: int, stop: int, length: int, what: str) -> slice:
    first, last = (n + length if n < 0 else n for n in (start, stop))
    if not 0 <= first < last <= length:
        raise UnusableImage(f"{what}, too small for the crop")
    return slice(first, last)


def resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`image` (channel, y, x) at another size, bicubic and antialiased, in float32."""
    if image.shape[1:] == size:
        return image
    planes = [
        Image.fromarray(plane).resize(size[::-1], Image.Resampling.BICUBIC)
        for plane in image.astype(np.float32)
    ]
    return np.stack([np.asarray(plane) for plane in planes])


def _as(dtype, values: np.ndarray) -> np.ndarray:
    """Float values as images of this type; a bicubic overshoot is clipped."""
    if values.dtype == np.uint8:
        return values
    if dtype == np.uint8:
        return np.rint(values.clip(0, 255)).astype(np.uint8)
    return values.clip(0, 1)


def patches(windows: list[np.ndarray], index: np.ndarray) -> np.ndarray:
    """Patches `index` of a picture, counted by scale, row and column: (patch, channel, y, x)."""
    found = []
    for at_scale in windows:
        rows, columns = at_scale.shape[:2]
        here = index[(index >= 0) & (index < rows * columns)]
        found.append(at_scale[here // columns, here % columns])
        index = index - rows * columns
    return np.concatenate(found)
