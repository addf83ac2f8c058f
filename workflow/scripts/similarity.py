"""Similarity of the samples of a pair of denoisers, to each other and to training images.

Input: images.zarr, split.zarr, samples.zarr of both networks, or of a single one. Output:
similarity.zarr. Cosines are between mean-removed images, and with a training image or, if
`mirrored`, its mirror image; blank images have cosine 1 with one another, 0 with others.
For each sample and its own training set:
closest, closest_image and closest_mirrored (subset, sample), the largest cosine, the index of that
image, and whether it is mirrored;
nearest_cosine, nearest_by_cosine, nearest_distance and nearest_by_distance (subset, sample,
neighbour), the nearest by cosine and by L2 distance, and the indices of those images;
closest_patch and closest_patch_image (subset, sample, row, column), the same patch by patch;
memorized, ratio and scale (subset, sample), the 1/3 rule once contrast and mean are fitted, d1 / d2
and the contrast, where d2 is the distance to an image of another cluster than the nearest;
memorized_by_distance, the rule as published; memorized_fraction (subset, bound),
and false_positives (subset, bound), that fraction for the test images, by their held_out_ratio
(subset, test_image), if there are any; blank (subset), the number of blank training images.
For the two denoisers' samples, if they start from the same noise:
between (sample), their cosine;
reproduced (sample), True if they are closer to each other than to either training set;
reproducibility (bound), the fraction of the samples that are.
For the two training sets:
closest_pair and closest_pair_image (member), the closest image of S2 to each image of S1.
With an `embedding`, the same by the features of its network, as NAME_embedded, except for patches,
scale and further neighbours; and closest_test_embedded (subset, test_image), the cosine of each
test image with the closest training image, which shows how high such cosines are without copying.
diverged (sample), True if a sample of either did not end: its numbers are NaN, its
indices -1, and no fraction counts it.
"""

import numpy as np
import torch
import xarray as xr
from gahb import store
from gahb.images import Members, read_ahead
from gahb.similarity import embedding as embedded
from gahb.similarity.memorized import fit, memorized_by_distance
from gahb.similarity.patches import nearest_patches
from gahb.similarity.pixels import blank, closest_pairs, paired_cosine
from gahb.similarity.pixels import nearest as nearest_images
from gahb.statistics import fraction
from study.job import Job, run


def main(
    images: str,
    split: str,
    samples: list[str],
    similarity: str,
    *,
    subsets: list[str],
    N: int,
    nearest: int,
    patch: int,
    mirrored: bool = True,
    embedding: str | None = None,
    paired: bool = True,
    job: Job = Job(),
) -> None:
    pixels, parts = store.open_store(images).images, store.open_store(split)
    for subset in subsets:
        if N > len(parts[subset]):
            raise ValueError(f"N = {N}, but {subset} has {len(parts[subset])} images")
    drawn = [store.open_store(path) for path in samples]
    if not paired:  # these have no common starts, and may differ in number
        count = min(d.sizes["sample"] for d in drawn)
        drawn = [d.isel(sample=slice(count)) for d in drawn]
    diverged = np.any([d.diverged.values for d in drawn], 0)
    # In the order of the store, so that a block is read from neighboring chunks.
    sets = {s: Members(pixels, np.sort(parts[s].values[:N])) for s in subsets}
    training = [sets[subset] for subset in subsets]
    made = [torch.from_numpy(d.samples.values).to(job.device) for d in drawn]
    test = torch.from_numpy(store.take(pixels, parts.test.values)).to(job.device)

    found = [
        nearest_images(s, t, nearest, mirrored=mirrored)
        for s, t in zip(made, training, strict=True)
    ]
    variables = _nearest(training, found, diverged)
    variables |= _patches(made, training, patch, diverged)
    variables |= _memorized(made, training, found, test, diverged, mirrored)
    if len(made) > 1:
        pairs = closest_pairs(*training, device=job.device, mirrored=mirrored)
        cosines = paired_cosine(*made).cpu().numpy() if paired else None
        closest = pairs.cosine[:, 0].numpy(), pairs.by_cosine[:, 0].numpy()
        variables |= _of_two(cosines, variables["closest"], diverged, training, *closest)
    if embedding:
        variables |= _by_features(embedding, made, training, test, diverged, paired, job.device)
    attributes = store.provenance("Similarity of samples and training images", job.parameters)
    store.save(_dataset(variables, subsets, diverged, training, attributes), similarity)


def _dataset(variables, subsets, diverged, training, attributes) -> xr.Dataset:
    ranks = np.arange(1, 1 + variables["nearest_cosine"].shape[2])
    coords = {
        "subset": store.variable("subset", subsets, "subset that was trained on"),
        "sample": store.variable("sample", np.arange(len(diverged)), "number of the sample"),
        "neighbour": store.variable("neighbour", ranks, "rank among the nearest"),
        "bound": store.variable("bound", ["estimate", "low", "high"], "estimate and 95 % interval"),
    }
    if len(training) > 1:  # with a single network there are no values for each member
        coords["member"] = store.variable("member", training[0].members, "index of the image of S1")
    of_all = {"diverged": store.variable("sample", diverged, "a sample did not end")}
    return xr.Dataset(variables | of_all, coords, attributes)


def _of_samples(values, long_name: str, *dims: str, diverged: np.ndarray) -> xr.Variable:
    """(subset, sample, *dims) of an array for each subset, NaN or -1 where a sample diverged."""
    stacked = np.stack([np.asarray(torch.as_tensor(v).cpu()) for v in values])
    of_floats = stacked.dtype.kind == "f"
    stacked[:, diverged] = np.nan if of_floats else -1
    nan = "diverged" if of_floats else ""
    return store.variable(("subset", "sample", *dims), stacked, long_name, nan=nan)


def _parts(judged, long_name: str, nan: str = "") -> xr.Variable:
    """Fractions (subset, bound) of the samples or images for which something is True."""
    parts = np.stack([fraction(np.asarray(which)) for which in judged])
    return store.variable(("subset", "bound"), parts, long_name, nan=nan)


def _indices(training, index) -> list[np.ndarray]:
    """Indices in the training sets, an array for each, as indices in images.zarr."""
    return [
        t.members[np.asarray(torch.as_tensor(i).cpu())]
        for t, i in zip(training, index, strict=True)
    ]


def _nearest(training, found, diverged) -> dict[str, xr.Variable]:
    """The training images nearest to each sample.

    Args:
        training: training set of both denoisers, or of one.
        found: the nearest images of the samples of each.
        diverged: (sample,), True if a sample of either diverged.
    """
    by_cosine = _indices(training, [f.by_cosine for f in found])
    by_distance = _indices(training, [f.by_distance for f in found])
    closest = [f.cosine[:, 0] for f in found], "cosine to the closest training image"
    mirrored = [f.mirrored[:, 0].float() for f in found], "1 where it is its mirror image, else 0"
    cosines, distances = [f.cosine for f in found], [f.distance for f in found]
    variables = {
        "closest": closest,
        "closest_image": ([i[:, 0] for i in by_cosine], "index of the closest training image"),
        "closest_mirrored": mirrored,
        "nearest_cosine": (cosines, "largest cosines to training images", "neighbour"),
        "nearest_by_cosine": (by_cosine, "indices of these training images", "neighbour"),
        "nearest_distance": (distances, "smallest L2 distances to them", "neighbour"),
        "nearest_by_distance": (by_distance, "indices of these training images", "neighbour"),
    }
    return {name: _of_samples(*v, diverged=diverged) for name, v in variables.items()}


def _patches(made, training, patch, diverged) -> dict[str, xr.Variable]:
    """The closest patch at the same place, `patch` pixels wide; other arguments as above."""
    found = [nearest_patches(s, t, patch) for s, t in zip(made, training, strict=True)]
    index, place = _indices(training, [index for _, index in found]), ("row", "column")
    cosine = [cosine for cosine, _ in found]
    return {
        "closest_patch": _of_samples(
            cosine, "cosine to the closest patch at the same place", *place, diverged=diverged
        ),
        "closest_patch_image": _of_samples(
            index, "index of the training image of that patch", *place, diverged=diverged
        ),
    }


def _memorized(made, training, found, test, diverged, mirrored) -> dict[str, xr.Variable]:
    """Which samples, and which test images, the 1/3 rule takes for copies; arguments as above."""
    fits = [fit(*each, mirrored) for each in zip(made, training, found, strict=True)]
    published = [memorized_by_distance(s, f) for s, f in zip(made, found, strict=True)]
    blanks = [sum(int(blank(block).sum()) for _, block in read_ahead(t, 4096)) for t in training]
    of_samples = {
        "memorized": (
            [f.memorized.float() for f in fits],
            "1 where memorized by the 1/3 rule, contrast and mean fitted, 0 where not",
        ),
        "ratio": (
            [f.ratio for f in fits],
            "what the nearest training image leaves over what the nearest of another cluster does",
        ),
        "scale": (
            [f.scale[:, 0] for f in fits],
            "contrast of the sample against its nearest training image",
        ),
        "memorized_by_distance": (
            [m.float() for m in published],
            "1 where memorized by the 1/3 rule as published, which contrast changes",
        ),
    }
    variables = {name: _of_samples(*v, diverged=diverged) for name, v in of_samples.items()}
    ended = [f.memorized.cpu()[~diverged] for f in fits]
    words = "part of the samples that are memorized"
    variables["memorized_fraction"] = _parts(ended, words, nan="all diverged")
    variables["blank"] = store.variable("subset", blanks, "training images that are blank")
    if not len(test):
        return variables
    held_out = [
        fit(test, t, nearest_images(test, t, 2, mirrored=mirrored), mirrored) for t in training
    ]
    flagged, ratio = [f.memorized.cpu() for f in held_out], [f.ratio.cpu() for f in held_out]
    return variables | {
        "false_positives": _parts(flagged, "fraction of the test images that the rule flags"),
        "held_out_ratio": store.variable(
            ("subset", "test_image"), np.stack(ratio), "ratio of each test image"
        ),
    }


def _of_two(cosines, closest, diverged, training, pairs, places, by="") -> dict[str, xr.Variable]:
    """Comparison of two denoisers' samples, and of their training sets.

    Args:
        cosines: (sample,), between the samples of both; None if they have no common starts.
        closest: (subset, sample), the variable.
        diverged, training: as above.
        pairs, places: (member,), cosine of each image of S1 with the closest one of S2, and its
            place there.
        by: "" for pixels, or else the suffix of the names.
    """
    image = training[1].members[places]
    variables = {
        "closest_pair": ("member", pairs, "cosine to the closest image of S2"),
        "closest_pair_image": ("member", image, "index of the closest image of S2"),
    }
    if cosines is not None:
        between = np.where(diverged, np.nan, cosines)
        reproduced = between > closest.values.max(0)
        part, words = fraction(reproduced[~diverged]), "part of the samples that are reproduced"
        variables |= {
            "between": ("sample", between, "cosine between the two samples", "diverged"),
            "reproduced": ("sample", reproduced, "closer to each other than to any training image"),
            "reproducibility": ("bound", part, words, "all diverged"),
        }
    return {
        name: store.variable(dim, values, long_name + by, nan="".join(nan))
        for name, (dim, values, long_name, *nan) in variables.items()
    }


def _by_features(function, made, training, test, diverged, paired, device) -> dict:
    """The same by the features of the user's network, as NAME_embedded; arguments as above."""
    drawn, held_out, known = _features(function, made, training, test, device)
    found = [
        embedded.nearest(d, k, embedded.RANKS, device) for d, k in zip(drawn, known, strict=True)
    ]
    ratio, by = [embedded.ratio(cosine) for cosine, _ in found], ", by features"
    of_samples = {
        "closest": ([c[:, 0] for c, _ in found], "cosine to the closest training image"),
        "closest_image": (
            _indices(training, [index[:, 0] for _, index in found]),
            "index of the closest training image",
        ),
        "ratio": (ratio, "distance to the nearest training image over one of another cluster"),
        "memorized": (
            [(r <= 1 / 3).astype(np.float32) for r in ratio],
            "1 where memorized by the 1/3 rule, 0 where not",
        ),
    }
    variables = {
        name: _of_samples(values, words + by, diverged=diverged)
        for name, (values, words) in of_samples.items()
    }
    ended = [r[~diverged] <= 1 / 3 for r in ratio]
    words = "part of the samples that are memorized by the 1/3 rule"
    variables["memorized_fraction"] = _parts(ended, words + by, nan="all diverged")
    if held_out is not None:
        of_test = [embedded.nearest(held_out, k, embedded.RANKS, device)[0] for k in known]
        flagged = [embedded.ratio(cosine) <= 1 / 3 for cosine in of_test]
        words = "fraction of the test images that the rule flags"
        variables["false_positives"] = _parts(flagged, words + by)
        variables["closest_test"] = store.variable(
            ("subset", "test_image"),
            np.stack([cosine[:, 0] for cosine in of_test]),
            "cosine of a test image to the closest training image" + by,
        )
    if len(made) > 1:
        cosines = (drawn[0] * drawn[1]).sum(1).clip(-1, 1) if paired else None
        pairs = [of_rank[:, 0] for of_rank in embedded.nearest(*known, 1, device)]
        variables |= _of_two(cosines, variables["closest"], diverged, training, *pairs, by)
    return {f"{name}_embedded": variable for name, variable in variables.items()}


def _features(function, made, training, test, device) -> tuple:
    """Features of the samples, of the test images, None without any, and of the training sets."""
    network = embedded.embedding(function, device)
    try:
        drawn = [embedded.features(network, images, device) for images in made]
        held_out = embedded.features(network, test, device) if len(test) else None
        # Computed once if both were trained on the same images.
        of_sets = {id(t): embedded.features(network, t, device) for t in set(training)}
    except ValueError as error:
        raise ValueError(f"similarity.embedding: {function}: {error}") from error
    return drawn, held_out, [of_sets[id(t)] for t in training]


if __name__ == "__main__":
    run(main, snakemake)
