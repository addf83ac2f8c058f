"""Data sets: a model for each source of images."""

from typing import Annotated, Literal

from gahb.alike import ALIKE
from pydantic import MISSING, Field

from study.config.base import Count, Entry, OneOf, Side, integer, number
from study.config.parts import Crop, GroupPattern, GroupTable, Match, Patches, Place, Scales
from study.files import is_url

Images = integer(ge=4)
ImageSide = Annotated[Side, Field(description="Height and width of the images in pixels.")]


class Source(Entry):
    """A source of images."""

    test: Annotated[integer(ge=2) | Literal["all"], OneOf] = 200
    """Images of the test set, at least two, disjoint from both training sets; `all` if all are test
    images, for denoisers trained elsewhere."""


class Made(Source):
    """Images made by the workflow."""

    images: Images
    """Number of images to make, for both training sets and the test set."""


class Calpha(Made):
    """C^alpha images, made by the workflow."""

    source: Literal["calpha"]
    alpha: number(gt=0)
    """Regularity of contour and backgrounds."""
    side: ImageSide


class Disks(Made):
    """Disks, made by the workflow."""

    source: Literal["disks"]
    side: ImageSide


class Gaussian(Made):
    """Stationary Gaussian images, made by the workflow: with spectrum |k|^-beta and mean 0.5, or
    with the mean power spectrum and the mean of another data set."""

    source: Literal["gaussian"]
    beta: number(ge=0) | MISSING = MISSING
    """Exponent of the power spectrum |k|^-beta; k = 0 is treated as 1."""
    side: Side | MISSING = MISSING
    """Height and width of the images in pixels."""
    of: str | MISSING = MISSING
    """Name of the data set whose spectrum and mean they take, in place of beta and side."""
    sd: number(gt=0) | None = None
    """Standard deviation of the pixels; if null, as in the data set `of`, or 0.2."""

    def mistakes(self):
        if self.model_fields_set & {"beta", "side", "of"} not in ({"beta", "side"}, {"of"}):
            yield "", "give either `beta` and `side`, or `of`"


class Mixture(Made):
    """The first images of another data set, all equally likely, with white Gaussian noise added."""

    source: Literal["mixture"]
    of: str
    """Name of the data set of the templates."""
    templates: Count
    """How many of its images serve as templates."""
    sd: number(gt=0)
    """Standard deviation of the noise."""


class Photographs(Patches, Source):
    """Patches of the photographs that ship inside scikit-image."""

    source: Literal["photographs"]
    side: ImageSide
    scales: Scales = [0.5]


class Shuffled(Entry):
    """Another data set with one fixed random permutation applied to the pixels."""

    source: Literal["shuffled"]
    of: str
    """Name of the data set that is shuffled."""


class Own(Source):
    """The user's own images."""

    private: bool = False
    """Whether figures and reports hide the images, and samples that are copies of them. Numbers and
    new samples are shown; data sets made `of` a private one are private, too."""
    path: Annotated[str, Field(min_length=1)]
    """File or folder, relative to the working directory. For a file from a URL (http, https, ftp)
    sha256 is needed, too."""
    images: Images | None = None
    """Number of images (or patches) drawn at random; all of them if null."""
    gray: Literal["mean", "luma"] | None = "mean"
    """Color becomes the mean of its channels or its luma, or is kept if null."""
    duplicates: number(gt=0, lt=1) | None = ALIKE
    """If two images, pooled to 20 x 20 and mean-removed, have a |cosine| above this, one is left
    out of the split; null keeps all."""
    mirrored: bool = True
    """Whether mirror images count as near-duplicates."""
    train: Annotated[str | Place, OneOf] | MISSING = MISSING
    """Images that a network was trained on: S1, in this order. A list of names (.txt, a line each,
    or .csv with a column name), a pattern of names like `match`, or {path: PLACE} for images in
    another place; a list or pattern with {subset} in it gives S1 and S2. Without {subset} there is
    no S2. Names are file names, or numbers for images without one."""
    held_out: Annotated[str | Place | None, OneOf] | MISSING = MISSING
    """The test set, in the same form as `train`; null if there is none. If not given, `test` of the
    other images are drawn."""

    def mistakes(self):
        yield from self._chosen()
        fetched, checksum = is_url(self.path), "sha256" in self.model_fields_set
        if fetched and not isinstance(self, Fetched):
            alone = f"a {self.source} is not a single file, so it cannot be fetched"
            yield "path", f"found {self.path!r}; {alone}"
        elif fetched and not checksum:
            yield "sha256", f"not given; a file from {self.path} is checked against it"
        elif checksum and not fetched:
            yield "sha256", f"is for a file from a URL, but path is {self.path!r}"
        if "groups" in self.model_fields_set and self.test == "all":
            yield "groups", "there is nothing to divide; all images are test images (`test: all`)"

    def _chosen(self):
        """Mistakes of `train` and `held_out`."""
        given = self.model_fields_set
        for key in [key for key in ("train", "held_out") if key in given]:
            if "groups" in given:
                yield "groups", f"`{key}` says which images are used; nothing is divided by groups"
            if getattr(self, "patches", None):
                yield key, "patches have no names; save them as images to choose some"
            if self.test == "all":
                yield "test", f"found 'all', but `{key}` chooses some"
        if "held_out" in given and self.held_out is None and "train" not in given:
            yield "held_out", "found null, which needs `train`"
        elif {"held_out", "test"} <= given and self.test != "all":
            yield "test", f"found {self.test}, but `held_out` is the test set"


class Fetched(Own):
    """Images in a file, which may be fetched."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | MISSING = MISSING
    """SHA-256, 64 digits 0-9a-f, of the file at the URL in path."""


class Encoded(Own):
    """Images that must be decoded."""

    unreadable: Literal["refuse", "skip"] = "refuse"
    """Whether a file that is not an image, damaged or too small ends the job or is skipped and
    listed."""
    background: Literal["white", "black"] | None = None
    """Background of transparent pictures; null refuses them, unless their opacity is the same
    everywhere."""


class Named(Encoded):
    """Images in files with names."""

    groups: Annotated[Literal["folder"] | GroupPattern | GroupTable, OneOf] | MISSING = MISSING
    """Images of one group (person, scene, video) are never divided among S1, S2 and the test set.
    folder groups the images of each folder; {pattern: REGEX} those in whose names the one group in
    parentheses is the same; {csv: FILE} follows a table with the columns name and group."""


class Pictures(Own):
    """Pictures of any shape."""

    landscape: bool = False
    """Whether pictures that are taller than wide are turned by 90 degrees, so that both
    orientations form one data set."""
    crop: Annotated[Literal["center"] | Side | Crop | None, OneOf] = None
    """center (the largest centered square), the side in pixels of a centered square, or
    {rows: [start, stop], columns: [start, stop]}, negative ones counted from the end; null keeps
    the whole picture"""
    side: Side | None = None
    """Images are resized to this side (antialiased, bicubic), or with patches the side of a patch;
    null keeps their size."""
    patches: Patches | None = None
    """Patches are cut from pictures, and all patches of a picture stay in one set of the split;
    null cuts none."""

    def mistakes(self):
        yield from super().mistakes()
        if self.patches and self.side is None:
            yield "side", "not given; it is the side of the patches"


class Array(Pictures):
    """Pictures in one array."""

    key: str | None = None
    """Path of the array, if there are several; a number in a list of tensors."""
    order: Annotated[str, Field(pattern="^[iyxc]{3,4}$")] | None = None
    """Order of the axes i (image), y, x and c (channel): yxi if images are along the last axis, as
    MATLAB writes them; null infers it from the shape."""


class Matched(Pictures):
    """Pictures in files with names, some of which are taken."""

    match: Match = None


class Folder(Matched, Named):
    """A folder of image files (JPEG, PNG, TIFF, WebP, BMP, GIF, PNM), nested or not."""

    source: Literal["folder"]


class Archive(Matched, Named, Fetched):
    """A zip or tar file of image files, or a folder of such files; a tar file may be compressed."""

    source: Literal["archive"]


class Celeba(Named, Fetched):
    """CelebA's aligned faces, a folder or zip file, with the paper's crop to 160 x 160."""

    source: Literal["celeba"]
    side: ImageSide


class Parquet(Matched, Encoded, Fetched):
    """Parquet files with a column of encoded images; a file or a folder of them."""

    source: Literal["parquet"]
    match: Match = "*.parquet"
    column: str = "image"
    """Column of the encoded images, binary or a struct with a field `bytes`."""


class Lmdb(Matched, Encoded):
    """LMDB with encoded images as values, as LSUN is published."""

    source: Literal["lmdb"]


class Arrays(Array, Fetched):
    """An array (image, y, x), or with channels second or last, in an .npy or .npz file."""

    source: Literal["arrays"]


class Hdf5(Array, Fetched):
    """An array in an HDF5 file, including files of netCDF-4 and MATLAB 7.3."""

    source: Literal["hdf5"]


class Tensors(Array, Fetched):
    """A tensor in a file of torch.save, from which only tensors are read."""

    source: Literal["tensors"]


class Idx(Array, Fetched):
    """An IDX file, as MNIST is published (train-images-idx3-ubyte), compressed or not."""

    source: Literal["idx"]
    key: None = None
    """An IDX file holds one array."""


class Zarr(Array):
    """An array (image, y, x), or with channels second or last, in a zarr store."""

    source: Literal["zarr"]


Dataset = Annotated[
    Archive
    | Arrays
    | Calpha
    | Celeba
    | Disks
    | Folder
    | Gaussian
    | Hdf5
    | Idx
    | Lmdb
    | Mixture
    | Parquet
    | Photographs
    | Shuffled
    | Tensors
    | Zarr,
    Field(discriminator="source"),
]
