"""How harmonic the eigenbases of one denoiser are, and how adapted to their images.

Input: images.zarr, eigenbasis.zarr. Output: harmonics.zarr, for each image and noise level of the
eigenbases: concentration, frequency and extent of the leading eigenvectors (rank); harmonic, their
mean, and harmonic_null (null, draw), the same for bases without harmonics; the number of
coefficients of the image in each image's basis (of), and in cosines and wavelets (fixed); the decay
of coefficients. If the geometry of the images is known, the measurements of `harmonics.geometries`,
with NAME_null for other images' geometry.
"""

import importlib

import numpy as np
import torch
import xarray as xr
from gahb import bases, store
from gahb.harmonics import adaptivity
from gahb.harmonics.oscillation import NULLS, oscillation, random_bases
from study.job import Job, run

#: Draws of each null.
DRAWS = 99
#: The leading ninth of the eigenvectors is measured, so that images of all sizes compare, but at
#: least 16, since the first 15 eigenvectors of disks are needed.
NINTH, LEAST = 9, 16
FIELDS = {
    "concentration": (("rank",), "concentration of local spectra beyond white noise"),
    "frequency": (("rank",), "frequency", "1/pixel"),
    "extent": (("rank",), "part of the pixels over which an eigenvector extends"),
    "harmonic": ((), "mean concentration, weighted by eigenvalues"),
    "harmonic_null": (("null", "draw"), "harmonic, of bases without harmonics"),
    "rising": ((), "rank correlation of frequency and rank"),
    "coefficients": (("of",), "coefficients that hold 95 % of the energy of the image"),
    "decay": ((), "exponent of the decay of squared coefficients"),
}
#: Meaning of NaN.
PARTIAL = (
    "the basis is partial, all of it constant, the image blank, or its geometry outside the image"
)


def main(images, eigenbasis, harmonics, *, source, seed_of_images, seed, job=Job()):
    """Measure each basis.

    Args:
        images, eigenbasis, harmonics: stores.
        source: the module of `harmonics.geometries` that knows the geometry of the images; or None.
        seed_of_images: seed with which they were made.
        seed: seed of the nulls.
        job: the job.
    """
    data, basis = store.open_store(images), store.open_store(eigenbasis)
    clean, index = basis.clean.values, basis.image.values
    centred = adaptivity.centred(clean).reshape(len(clean), -1)
    energies = np.square(centred).sum(1)
    leading = min(max(LEAST, clean[0].size // NINTH), basis.sizes["rank"])
    random = random_bases((leading, *clean.shape[1:]), DRAWS, seed)
    known, fields = None, dict(FIELDS)
    if source:
        known = importlib.import_module(f"gahb.harmonics.geometries.{source}")
        fields |= known.FIELDS
        every = np.arange(data.sizes["image"])
        others = np.random.default_rng(seed).choice(np.setdiff1d(every, index), DRAWS)
        geometry = known.geometry(data, np.concatenate([index, others]), seed_of_images)
    found = {name: [] for name in fields}
    shape = (len(clean), basis.sizes["sigma"])
    with job.progress(np.prod(shape), "bases") as bar:
        for number, (i, level) in enumerate(np.ndindex(shape)):
            one = basis[["vectors", "shrinkage"]].isel(image=i, sigma=level)
            vectors, eigenvalues = one.vectors.values, one.shrinkage.values[:leading]
            coefficients = vectors.reshape(len(vectors), -1).astype(float) @ centred.T
            # No random basis is used for two images in the same draw.
            waves = oscillation(
                vectors[:leading], eigenvalues, np.roll(random, i, 0), seed + number
            )
            values = {
                name: getattr(waves, name)
                for name in ("concentration", "frequency", "extent", "harmonic", "rising")
            }
            values["harmonic_null"] = waves.nulls
            values["coefficients"] = adaptivity.needed(coefficients, energies)
            values["decay"] = adaptivity.decay(coefficients[:, [i]], centred.shape[1])[0]
            if known:
                own, null = geometry[i], geometry[len(index) :]
                values |= known.measured(vectors[:leading], eigenvalues, own, null)
            for name in fields:
                found[name].append(values[name])
            bar.update()
    # n(i, j) is stored with image j: (image, sigma, of).
    counts = np.reshape(found["coefficients"], (*shape, len(clean)))
    found["coefficients"] = counts.transpose(2, 1, 0).reshape(-1, len(clean))
    variables = as_variables(found, fields, shape) | _fixed(centred.reshape(clean.shape), energies)
    coords = {
        **{name: basis[name].variable for name in ("image", "sigma")},
        "rank": store.variable("rank", np.arange(1, leading + 1), "rank k"),
        "of": store.variable("of", index, "index of the image of the basis"),
        "null": store.variable("null", NULLS, "bases without harmonics"),
    }
    attributes = store.provenance("Measures of eigenbases", job.parameters)
    store.save(xr.Dataset(variables, coords, attributes), harmonics)


def as_variables(found: dict[str, list], fields: dict, shape: tuple) -> dict[str, xr.Variable]:
    """Measurements of each basis, along image and noise level."""
    return {
        name: store.variable(
            ("image", "sigma", *dims),
            np.reshape(found[name], (*shape, *np.shape(found[name][0]))),
            long_name,
            *units,
            nan=PARTIAL,
        )
        for name, (dims, long_name, *units) in fields.items()
    }


def _fixed(images: np.ndarray, energies: np.ndarray) -> dict[str, xr.Variable]:
    """Coefficients of the images in fixed bases: their number and decay."""
    side, channels = images.shape[-1], images.shape[1]
    names = ["dct"] if side % 2 else ["dct", "wavelet"]
    counts, decays = [], []
    for name in names:
        found = bases.coefficients(torch.from_numpy(images), bases.basis(name, side))
        coefficients = found.flatten(1).numpy().T
        counts.append(adaptivity.needed(coefficients, energies))
        decays.append(adaptivity.decay(coefficients, channels * side**2))
    long_name = "coefficients that hold 95 % of the energy in a fixed basis"
    return {
        "fixed": store.variable("fixed", names, "fixed basis"),
        "coefficients_fixed": store.variable(("fixed", "image"), counts, long_name),
        "decay_fixed": store.variable(
            ("fixed", "image"), decays, "exponent of the decay in a fixed basis", nan=PARTIAL
        ),
    }


if __name__ == "__main__":
    run(main, snakemake)
