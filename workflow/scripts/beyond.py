"""Agreement of a pair of denoisers' samples beyond the covariance of the images.

Input: images.zarr, split.zarr, samples.zarr of both denoisers, or of a single one. Output:
beyond.zarr. Residuals are samples after the sample of the Gaussian of all images of the data set,
from the same start, is projected out (`gahb.beyond`):
share (subset, sample), the share of a sample's squared norm in its residual;
beyond (sample), the cosine of both samples' residuals;
gaussian (sample, channel, y, x), the Gaussian's samples;
null (sample) and null_share (subset, sample), the same for two Wiener filters of the same training
images, if these differ;
NAME_median (bound) or (subset, bound), their medians with intervals;
diverged (sample), True if a sample of either did not end: its numbers are NaN.
"""

import numpy as np
import torch
import xarray as xr
from gahb import store
from gahb.beyond import left, with_median
from gahb.denoisers.references import wiener
from gahb.images import Members
from gahb.samples.gaussian_sampler import gaussian_samples
from gahb.samples.start import named
from study.job import Job, run


def main(
    images, split, samples, beyond, *, subsets, N, start, mean, sd, seed, job=Job(), **sampling
):
    pixels, parts = store.open_store(images).images, store.open_store(split)
    drawn = [store.open_store(path) for path in samples]
    diverged = np.any([d.diverged.values for d in drawn], 0)
    test = Members(pixels, np.sort(parts.test.values))
    first = named(start, seed, test, mean=mean, sd=sd)

    def of_gaussian(indices) -> torch.Tensor:
        """Samples of the Gaussian of these images, from the starts of the denoisers' samples."""
        f = wiener.of(Members(pixels, np.sort(indices))).to(job.device).double()
        return gaussian_samples(f, first, len(diverged), sd=sd, seed=seed, **sampling)

    g = of_gaussian(np.arange(len(pixels)))
    made = [torch.from_numpy(d.samples.values).to(job.device) for d in drawn]
    variables = _measured(made, g, diverged, "beyond", "share", "")
    if len(set(subsets)) > 1:
        filters = [of_gaussian(parts[subset].values[:N]) for subset in subsets]
        of = " of Wiener filters"
        variables |= _measured(filters, g, diverged, "null", "null_share", of)
    dataset = xr.Dataset(
        {
            **variables,
            "gaussian": store.variable(
                ("sample", "channel", "y", "x"), g.float().cpu().numpy(), "sample of the Gaussian"
            ),
            "diverged": store.variable("sample", diverged, "a sample did not end"),
        },
        coords={
            "subset": store.variable("subset", subsets, "subset that was trained on"),
            "sample": store.variable("sample", drawn[0]["sample"].values, "number of the sample"),
            "bound": store.variable(
                "bound", ["estimate", "low", "high"], "estimate and 95 % interval"
            ),
        },
        attrs=store.provenance("Agreement beyond the covariance", job.parameters),
    )
    store.save(dataset, beyond)


def _measured(made, g, diverged, beyond: str, share: str, of: str) -> dict[str, xr.Variable]:
    """Shares of the samples `made`, the cosine of the residuals of two, and their medians."""
    rest = [left(samples, g) for samples in made]
    shares = np.stack([part.cpu().numpy() for _, part in rest])
    shares[:, diverged] = np.nan
    words = "part of a sample that is beyond the Gaussian" + of
    found = with_median(share, ("subset", "sample"), shares, words, nan="diverged, or blank")
    if len(rest) > 1:
        cosines = (rest[0][0] * rest[1][0]).sum(1).cpu().numpy()
        cosines[diverged] = np.nan
        words = "partial correlation of two samples given the Gaussian's" + of
        found |= with_median(beyond, ("sample",), cosines, words)
    return found


if __name__ == "__main__":
    run(main, snakemake)
