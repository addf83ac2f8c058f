"""How alike the samples of a pair of denoisers are, and how close to their training images.

Input: images.zarr, split.zarr, samples.zarr of both networks. Output: similarity.zarr. Cosines are
between mean-removed images. Of the two denoisers' samples from the same noise:
between (sample), their cosine;
reproduced (sample), True where they are closer to each other than to either training set;
reproducibility (bound), the part of the samples that are.
Of each sample and its own training set:
closest and closest_image (subset, sample), the largest cosine, and the index of that image;
nearest_cosine, nearest_by_cosine, nearest_distance and nearest_by_distance (subset, sample,
neighbour), the nearest by cosine and by L2 distance, and the indices of those images;
closest_patch and closest_patch_image (subset, sample, row, column), the same patch by patch;
memorized, ratio and scale (subset, sample), the 1/3 rule once contrast and mean are fitted, d1 / d2
and the contrast; memorized_by_distance, the rule as published; memorized_fraction (subset, bound),
and false_positives (subset, bound), that part of the test images, by their held_out_ratio (subset,
test_image).
Of the two training sets:
closest_pair and closest_pair_image (member), each image of S1 and the closest one of S2.
diverged (sample), True where a sample of either did not end: its numbers are NaN, its
indices -1, and no fraction counts it.
"""

import numpy as np
import torch
import xarray as xr
from gahb import store
from gahb.images import Members
from gahb.similarity import (
    closest_pairs,
    fit,
    memorized_by_distance,
    nearest_patches,
    paired_cosine,
)
from gahb.similarity import nearest as nearest_images
from gahb.statistics import fraction
from study.job import Job, run


def of_subsets(values: list[np.ndarray], diverged: np.ndarray) -> np.ndarray:
    """(subset, sample, ...) of an array for each, with NaN or -1 where a sample diverged."""
    stacked = np.stack(values)
    stacked[:, diverged] = np.nan if stacked.dtype.kind == "f" else -1
    return stacked


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
    job: Job = Job(),
) -> None:
    pixels, parts = store.open_store(images).images, store.open_store(split)
    drawn = [store.open_store(path) for path in samples]
    pair = [torch.from_numpy(d.samples.values).to(job.device) for d in drawn]
    diverged = drawn[0].diverged.values | drawn[1].diverged.values
    # In the order of the store, so that a block is read from neighbouring chunks.
    training = [Members(pixels, np.sort(parts[subset].values[:N])) for subset in subsets]

    found = [nearest_images(s, t, nearest) for s, t in zip(pair, training, strict=True)]
    patches = [nearest_patches(s, t, patch) for s, t in zip(pair, training, strict=True)]
    pairs = closest_pairs(*training, job.device)
    between = np.where(diverged, np.nan, paired_cosine(*pair).cpu().numpy())

    def neighbours(name: str) -> np.ndarray:
        return of_subsets([getattr(f, name).cpu().numpy() for f in found], diverged)

    def of_images(indices) -> np.ndarray:
        """Indices in the training sets, one tensor for each subset, as indices in images.zarr."""
        return of_subsets(
            [t.members[i.cpu().numpy()] for t, i in zip(training, indices, strict=True)], diverged
        )

    cosine, by_cosine = neighbours("cosine"), of_images([f.by_cosine for f in found])
    fits = [fit(s, t, f) for s, t, f in zip(pair, training, found, strict=True)]
    is_memorized = of_subsets([f.memorized.float().cpu().numpy() for f in fits], diverged)
    published = [memorized_by_distance(s, f) for s, f in zip(pair, found, strict=True)]
    test = torch.from_numpy(store.take(pixels, parts.test.values)).to(job.device)
    held_out = [fit(test, t, nearest_images(test, t, 2)) for t in training]
    reproduced = between > cosine[:, :, 0].max(0)
    ended = ~diverged
    dataset = xr.Dataset(
        {
            "between": store.variable(
                "sample", between, "cosine between the two samples", nan="diverged"
            ),
            "reproduced": store.variable(
                "sample", reproduced, "closer to each other than to either training set"
            ),
            "reproducibility": store.variable(
                "bound",
                fraction(reproduced[ended]),
                "part of the samples that are reproduced",
                nan="all diverged",
            ),
            "closest": store.variable(
                ("subset", "sample"),
                cosine[:, :, 0],
                "cosine to the closest training image",
                nan="diverged",
            ),
            "closest_image": store.variable(
                ("subset", "sample"), by_cosine[:, :, 0], "index of the closest training image"
            ),
            "nearest_cosine": store.variable(
                ("subset", "sample", "neighbour"),
                cosine,
                "largest cosines to training images",
                nan="diverged",
            ),
            "nearest_by_cosine": store.variable(
                ("subset", "sample", "neighbour"), by_cosine, "indices of these training images"
            ),
            "nearest_distance": store.variable(
                ("subset", "sample", "neighbour"),
                neighbours("distance"),
                "smallest L2 distances to training images",
                nan="diverged",
            ),
            "nearest_by_distance": store.variable(
                ("subset", "sample", "neighbour"),
                of_images([f.by_distance for f in found]),
                "indices of these training images",
            ),
            "closest_patch": store.variable(
                ("subset", "sample", "row", "column"),
                of_subsets([cosines.cpu().numpy() for cosines, _ in patches], diverged),
                "cosine to the closest patch at the same place",
                nan="diverged",
            ),
            "closest_patch_image": store.variable(
                ("subset", "sample", "row", "column"),
                of_images([index for _, index in patches]),
                "index of the training image of that patch",
            ),
            "memorized": store.variable(
                ("subset", "sample"),
                is_memorized,
                "1 where memorized by the 1/3 rule, contrast and mean fitted, 0 where not",
                nan="diverged",
            ),
            "ratio": store.variable(
                ("subset", "sample"),
                of_subsets([f.ratio.cpu().numpy() for f in fits], diverged),
                "what the nearest training image leaves over what the second nearest does",
                nan="diverged",
            ),
            "scale": store.variable(
                ("subset", "sample"),
                of_subsets([f.scale[:, 0].cpu().numpy() for f in fits], diverged),
                "contrast of the sample against its nearest training image",
                nan="diverged",
            ),
            "memorized_by_distance": store.variable(
                ("subset", "sample"),
                of_subsets([m.float().cpu().numpy() for m in published], diverged),
                "1 where memorized by the 1/3 rule as published, which contrast changes",
                nan="diverged",
            ),
            "false_positives": store.variable(
                ("subset", "bound"),
                np.stack([fraction(f.memorized.cpu().numpy()) for f in held_out]),
                "part of the test images that the rule takes for memorized",
            ),
            "held_out_ratio": store.variable(
                ("subset", "test_image"),
                np.stack([f.ratio.cpu().numpy() for f in held_out]),
                "ratio of each test image",
            ),
            "memorized_fraction": store.variable(
                ("subset", "bound"),
                np.stack([fraction(m[ended]) for m in is_memorized]),
                "part of the samples that are memorized",
                nan="all diverged",
            ),
            "closest_pair": store.variable(
                "member", pairs.cosine[:, 0], "cosine to the closest image of S2"
            ),
            "closest_pair_image": store.variable(
                "member",
                training[1].members[pairs.by_cosine[:, 0].numpy()],
                "index of the closest image of S2",
            ),
            "diverged": store.variable("sample", diverged, "a sample did not end"),
        },
        coords={
            "subset": store.variable("subset", subsets, "subset that was trained on"),
            "sample": store.variable("sample", drawn[0]["sample"].values, "number of the sample"),
            "neighbour": store.variable(
                "neighbour", np.arange(1, cosine.shape[2] + 1), "rank among the nearest"
            ),
            "bound": store.variable(
                "bound", ["estimate", "low", "high"], "estimate and 95 % interval"
            ),
            "member": store.variable("member", training[0].members, "index of the image of S1"),
        },
        attrs=store.provenance("Similarity of samples and training images", job.parameters),
    )
    store.save(dataset, similarity)


if __name__ == "__main__":
    run(main, snakemake)
