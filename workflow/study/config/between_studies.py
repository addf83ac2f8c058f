"""Mistakes in a study: sizes, figures and references that do not fit its entries."""

import math
from collections.abc import Iterator

from gahb import groups
from gahb.training.recipe import LOWEST

from study import figures
from study.config.asked import Asked, reads
from study.config.between_elsewhere import chosen_mistakes, elsewhere_mistakes
from study.config.messages import ConfigError
from study.entries import (
    channels,
    chosen_count,
    chosen_parts,
    is_drawn,
    is_elsewhere,
    is_optimum,
    known_side,
    pattern,
    root,
    sampling,
)
from study.files import count, names
from study.fingerprint import OPTIMA

#: Stores that need no training images.
OF_TEST_SETS = {"psnr", "eigenbasis", "harmonics", "properties", "oracles", "density"}


def study_mistakes(config: dict, name: str) -> Iterator[str]:
    """One line for each mistake in a study whose names are all correct."""
    study = config["studies"][name]
    declared = {figure: figures.declared()[figure] for figure in study["figures"]}
    asked = Asked(config, f"studies.{name}", study, declared)
    for dataset in study["datasets"]:
        if root(config, dataset)[1]["test"] == "all":
            yield from _untrained(asked, dataset)
        elif "S1" in chosen_parts(root(config, dataset)[1]):
            yield from chosen_mistakes(asked, dataset)
        else:
            yield from _too_few_images(asked, dataset)
        yield from _test_images_for_all(asked, dataset)
        yield from _optimum(asked, dataset)
        yield from _sides(asked, dataset)
        if asked.reading("eigenbasis"):
            yield from _eigenbasis(config, dataset)
        if asked.reading("properties"):
            yield from _properties(config, dataset)
    for denoiser in study["denoisers"]:
        if asked.reading("density"):
            yield from _density(config, denoiser)
        yield from _trained(asked, denoiser)
        if is_elsewhere(config, denoiser):
            yield from elsewhere_mistakes(asked, denoiser)
    for reference in study["references"]:
        if is_drawn(config, reference):
            yield f"{asked.path}.references: found {reference!r}, which is samples, not a denoiser"
        elif asked.reading("matrix") and sampling(config, reference) != config["samples"]:
            yield (
                f"{asked.path}.references: found {reference!r}, whose samples start elsewhere than "
                "the others; the figure 'matrix' compares samples from the same starts"
            )
    yield from _needs(asked, name)


def size_of_all(config: dict, name: str) -> int:
    """The size that `sizes: all` means in a study.

    Raises:
        ConfigError: its data sets differ, or only reading the images would tell.
    """
    path, datasets = f"studies.{name}.sizes: found 'all'", config["studies"][name]["datasets"]
    found = {dataset: _all_of_S1(root(config, dataset)[1]) for dataset in datasets}
    for dataset, size in found.items():
        if size is None:
            why = f"how many images S1 of {dataset} has is known only once they are read"
            raise ConfigError(
                [f"{path}; {why}: give the number, or datasets.{dataset}.train as a list of names"]
            )
    if len(set(found.values())) > 1:
        raise ConfigError([f"{path}, which is not one size: {found}"])
    return next(iter(found.values()))


def _all_of_S1(entry: dict) -> int | None:
    """Number of images in S1; None if it is known only once they are read."""
    if "S1" in chosen_parts(entry):
        return chosen_count(entry, "S1")
    unsure = "groups" in entry or entry.get("duplicates") or entry.get("unreadable") == "skip"
    available, test = _available(entry), _test_images(entry)
    if unsure or "held_out" in entry or None in (available, test):
        return None
    return available - test


# Data sets


def _untrained(asked: Asked, dataset: str) -> Iterator[str]:
    """Requests for training images where all are test images."""
    why = f"which needs training images; in {dataset} all are test images (`test: all`)"
    for name in asked.compared():
        if not is_elsewhere(asked.config, name):
            yield f"{asked.path}.denoisers: found {name!r}, {why}"
    for figure, d in asked.declared.items():
        if d["reads"].keys() - OF_TEST_SETS or reads(d, {"S2"}):
            yield f"{asked.path}.figures: found {figure!r}, {why}"


def _too_few_images(asked: Asked, dataset: str) -> Iterator[str]:
    entry, N = root(asked.config, dataset)[1], max(asked.study["sizes"])
    subsets = 2 if any(map(asked.pairs, asked.study["denoisers"])) else 1
    available, test = _available(entry), _test_images(entry) or 0
    if isinstance(entry.get("held_out"), dict):  # in a place of their own
        test = 0
    if available is not None and subsets * N + test > available:
        yield (
            f"{asked.path}.sizes: found {N}; {dataset} has {available} images, too few for "
            f"{subsets} x {N} training images and {test} test images"
        )
        return
    grouped = "groups" in entry and not entry.get("images") and not entry.get("patches")
    files = names(entry["path"], pattern(entry)) if grouped and subsets == 2 else None
    sizes = groups.sizes(entry["groups"], files) if files else []
    if sizes and N > (most := groups.most_for_pairs(sizes, test)):
        yield (
            f"{asked.path}.sizes: found {N}; the {available} images of {dataset} are in "
            f"{len(sizes)} groups, none of which is divided: with {test} test images they give two "
            f"networks at most {most} each"
        )


def _available(entry: dict) -> int | None:
    """Maximum number of images in a data set; None if it is known only once it is read."""
    files = None
    if entry["source"] in ("folder", "celeba") and not entry.get("patches"):
        files = count(entry["path"], pattern(entry))
    return min((n for n in (entry.get("images"), files) if n is not None), default=None)


def _test_images(entry: dict) -> int | None:
    """Number of test images in a data set; None if it is known only once it is read."""
    if "held_out" in entry:
        return 0 if entry["held_out"] is None else chosen_count(entry, "test")
    return _available(entry) if entry["test"] == "all" else entry["test"]


def _test_images_for_all(asked: Asked, dataset: str) -> Iterator[str]:
    """Too few test images to evaluate networks on some and calibrate references on others."""
    config, test = asked.config, _test_images(root(asked.config, dataset)[1])
    calibrated = any("calibrated" in config["denoisers"][name] for name in asked.compared())
    wanted = config["agreement"]["count"] * bool(asked.reading("agreement"))
    wanted += config["calibration"]["count"] * calibrated
    if test is not None and wanted > test:
        yield (
            f"{asked.path}: {dataset} has {test} test images, and agreement.count and "
            f"calibration.count require {wanted} different ones"
        )


def _optimum(asked: Asked, dataset: str) -> Iterator[str]:
    """Requests for the optimum where it is not known, or cannot be shown."""
    config, source = asked.config, asked.config["datasets"][dataset]["source"]
    for name in asked.study["denoisers"]:
        if is_optimum(config, name):
            yield (
                f"{asked.path}.denoisers: found {name!r}, which has no training set; name it in "
                "`references`"
            )
    optimal = [name for name in asked.study["references"] if is_optimum(config, name)]
    if optimal and not (OPTIMA / f"{source}.py").is_file():
        yield (
            f"{asked.path}.references: found {optimal[0]!r}, but the optimum is known for "
            f"gaussian, mixture, disks and calpha images, not for {source}, which {dataset} is"
        )
    for name in optimal:
        if "contour" in config["denoisers"][name] and source != "calpha":
            yield (
                f"denoisers.{name}.contour: found 'known'; {dataset} has {source} images, "
                "without one"
            )


def _sides(asked: Asked, dataset: str) -> Iterator[str]:
    """Images with a side that a network does not take."""
    side = known_side(asked.config, dataset)
    for denoiser in asked.study["denoisers"] if side else ():
        entry = asked.config["denoisers"][denoiser]
        blocks = entry.get("blocks", 0)
        if "architecture" in entry and side != entry.get("side", side):
            yield (
                f"{asked.path}: {dataset} has a side of {side} pixels, not the {entry['side']} of "
                f"denoisers.{denoiser}.side"
            )
        if side % 2**blocks:
            yield (
                f"{asked.path}: the {side} pixels of {dataset} are not a multiple of 2^{blocks}, "
                f"which {denoiser} with its {blocks} blocks needs"
            )


def _eigenbasis(config: dict, dataset: str) -> Iterator[str]:
    """Missing images, and more eigenpairs than numbers in an image."""
    keep, last = config["eigenbasis"]["keep"], max(config["eigenbasis"]["images"])
    test, side = _test_images(root(config, dataset)[1]), known_side(config, dataset)
    if test is not None and last >= test:
        yield f"eigenbasis.images: found {last}; {dataset} has test images 0 to {test - 1}"
    if side and keep and keep > (pixels := channels(config, dataset) * side**2):
        yield f"eigenbasis.keep: found {keep}; the images of {dataset} have {pixels} pixels"


def _properties(config: dict, dataset: str) -> Iterator[str]:
    asked, test = config["properties"]["count"], _test_images(root(config, dataset)[1])
    if test is not None and asked > test:
        yield f"properties.count: found {asked}; {dataset} has {test} test images"


# Denoisers


def _density(config: dict, denoiser: str) -> Iterator[str]:
    """Errors integrated down to less noise than a network was trained with."""
    recipe = config["training"].get(config["denoisers"][denoiser].get("training"), {})
    cutoff, lowest = config["density"]["input_psnr"][1], -20 * math.log10(LOWEST)
    if recipe.get("noise") == "mixed" and cutoff > lowest:
        yield (
            f"density.input_psnr: found a cut-off of {cutoff} dB, sigma = "
            f"{10 ** (-cutoff / 20):.2g}; {denoiser} is trained with noise: mixed, which has none "
            f"below sigma = {LOWEST:g}, {lowest:.2f} dB"
        )


def _trained(asked: Asked, denoiser: str) -> Iterator[str]:
    """Figures about a training that did not happen here, or kept no snapshots."""
    snapshots = asked.reading("dynamics")
    if (of_training := snapshots + asked.reading("history")) and not figures.is_trained(
        asked.config, denoiser
    ):
        yield (
            f"{asked.path}.figures: found {of_training[0]!r}, which shows how networks were "
            f"trained; denoisers.{denoiser} is not trained here"
        )
    elif snapshots:
        recipe = asked.config["denoisers"][denoiser]["training"]
        if not asked.config["training"][recipe]["snapshots"]:
            yield (
                f"training.{recipe}.snapshots: found false; the figure {snapshots[0]!r} of "
                f"{asked.path} needs the weights along training"
            )


# Figures


def _needs(asked: Asked, name: str) -> Iterator[str]:
    """Figures without the reference or the data sets that they need."""
    datasets, has_optimum = asked.study["datasets"], bool(figures.optima(asked.config, name))
    sources = [asked.config["datasets"][dataset]["source"] for dataset in datasets]
    for figure, d in asked.declared.items():
        if d.get("needs") and not has_optimum:
            yield (
                f"{asked.path}.references: found {asked.study['references']}; the figure "
                f"{figure!r} needs the reference {d['needs']!r}"
            )
        if (allowed := d.get("sources")) == "shuffled pair":
            first, *others = datasets
            if [root(asked.config, other)[0] for other in others] != [first] or others == [first]:
                yield (
                    f"{asked.path}.datasets: the figure {figure!r} needs a data set and its "
                    f"shuffled version, in this order; found {datasets}"
                )
        elif wrong := [source for source in sources if allowed and source != allowed]:
            yield (
                f"{asked.path}.datasets: the figure {figure!r} shows {allowed} images, found "
                f"{wrong[0]}"
            )
