"""Mistakes in a study: sizes, figures, references that its data sets and denoisers cannot have."""

import itertools
import math
from pathlib import Path

from gahb import groups

from study import figures
from study.entries import channels, is_optimum, is_single, known_side, pattern, root
from study.files import count, names
from study.fingerprint import OPTIMA

#: Input PSNR in dB of the least noise of `noise: mixed`, sigma = 0.005.
MIXED_PSNR = 46.02
#: Stores that need no training images.
OF_TEST_SETS = {"psnr", "eigenbasis", "harmonics", "properties", "oracles", "density"}


def check_study(config: dict, path: str, study: dict) -> list[str]:
    found = []
    declared = {figure: figures.declared()[figure] for figure in study["figures"]}
    of_pairs = {
        denoiser: [figure for figure, d in declared.items() if _needs_a_pair(config, denoiser, d)]
        for denoiser in study["denoisers"]
    }
    for dataset in study["datasets"]:
        if root(config, dataset)[1]["test"] == "all":
            found += _check_untrained(config, path, study, dataset, declared)
        else:
            found += _check_sizes(config, path, study, dataset, 2 if any(of_pairs.values()) else 1)
        found += _check_judged(config, path, study, dataset, declared)
        found += _check_optimum(config, path, study, dataset)
        for denoiser in study["denoisers"]:
            network = config["denoisers"][denoiser]
            blocks, side = network.get("blocks", 0), known_side(config, dataset)
            if side and "architecture" in network and side != network.get("side", side):
                found.append(
                    f"{path}: the {side} pixels of {dataset} are not the {network['side']} that "
                    f"denoisers.{denoiser}.side says"
                )
            if side and side % 2**blocks:
                found.append(
                    f"{path}: the {side} pixels of {dataset} are not a multiple of "
                    f"2^{blocks}, which {denoiser} with its {blocks} blocks needs"
                )
        if any("eigenbasis" in d["reads"] for d in declared.values()):
            found += _check_eigenbasis(config, dataset)
        if any("properties" in d["reads"] for d in declared.values()):
            found += _check_properties(config, dataset)
    for denoiser in study["denoisers"]:
        entry = config["denoisers"][denoiser]
        if any("density" in d["reads"] for d in declared.values()):
            found += _check_density(config, denoiser)
        of_snapshots = [figure for figure, d in declared.items() if "dynamics" in d["reads"]]
        of_training = of_snapshots + [f for f, d in declared.items() if "history" in d["reads"]]
        if of_training and not figures.is_trained(config, denoiser):
            found.append(
                f"{path}.figures: found {of_training[0]!r}, which shows how networks were trained; "
                f"denoisers.{denoiser} is not trained here"
            )
        elif of_snapshots and not config["training"][entry["training"]]["snapshots"]:
            found.append(
                f"training.{entry['training']}.snapshots: found false; the figure "
                f"{of_snapshots[0]!r} of {path} needs the weights along training"
            )
        if "weights" in entry or "function" in entry:
            key = f"denoisers.{denoiser}"
            found += _check_imported(entry, key, path, study, of_pairs[denoiser])
    for figure, d in declared.items():
        if d.get("needs") and not figures.optima(config, path.split(".", 1)[1]):
            found.append(
                f"{path}.references: found {study['references']}; the figure {figure!r} needs the "
                f"reference {d['needs']!r}"
            )
        found += _check_sources(config, path, study["datasets"], figure, d.get("sources"))
    return found


def _needs_a_pair(config: dict, denoiser: str, declared: dict) -> bool:
    """Whether a figure needs a second network, which was trained on S2."""
    if declared.get("single") and is_single(config, denoiser):
        return False
    reads = declared["reads"]
    # `agreement` compares both networks itself.
    return "agreement" in reads or any({"S2", "disjoint"} & {*of} for of in reads.values())


def _check_sizes(config, path, study, dataset, subsets: int) -> list[str]:
    """Whether a data set has so many images."""
    entry, N = root(config, dataset)[1], max(study["sizes"])
    available = _available(entry)
    if available is not None and subsets * N + entry["test"] > available:
        return [
            f"{path}.sizes: found {N}; {dataset} has {available} images, too few for {subsets} x "
            f"{N} training images and {entry['test']} test images"
        ]
    grouped = "groups" in entry and not entry.get("images") and not entry.get("patches")
    files = names(entry["path"], pattern(entry)) if grouped and subsets == 2 else None
    sizes = groups.sizes(entry["groups"], files) if files else []
    if sizes and N > (most := groups.most_for_pairs(sizes, entry["test"])):
        return [
            f"{path}.sizes: found {N}; the {available} images of {dataset} are in {len(sizes)} "
            f"groups, none of which is divided: beside {entry['test']} test images they give two "
            f"networks {most} each at most"
        ]
    return []


def _check_untrained(config, path, study, dataset, declared) -> list[str]:
    """Whether a study does without training images, where all are test images."""
    names = [*study["denoisers"], *study["references"]]
    trained = [n for n in names if not {"weights", "function"} & config["denoisers"][n].keys()]
    compared = [
        figure
        for figure, d in declared.items()
        if d["reads"].keys() - OF_TEST_SETS or any("S2" in of for of in d["reads"].values())
    ]
    why = f"which needs training images; of {dataset} all are test images (`test: all`)"
    return [f"{path}.denoisers: found {name!r}, {why}" for name in trained] + [
        f"{path}.figures: found {figure!r}, {why}" for figure in compared
    ]


def _check_judged(config, path, study, dataset, declared) -> list[str]:
    """Whether the test images are enough for those that are judged and those of calibrations."""
    names = [*study["denoisers"], *study["references"]]
    calibrated = [name for name in names if "calibrated" in config["denoisers"][name]]
    judged = any("agreement" in d["reads"] for d in declared.values())
    wanted = config["agreement"]["count"] * judged + config["calibration"]["count"] * (
        len(calibrated) > 0
    )
    test = _test_images(root(config, dataset)[1])
    if wanted <= test:
        return []
    return [
        f"{path}: {dataset} has {test} test images, and agreement.count and calibration.count ask "
        f"for {wanted} different ones"
    ]


def _check_density(config: dict, denoiser: str) -> list[str]:
    """Whether errors are integrated down to no less noise than a network was trained with."""
    entry = config["denoisers"][denoiser]
    recipe = config["training"].get(entry.get("training"), {})
    cutoff = config["density"]["input_psnr"][1]
    if recipe.get("noise") != "mixed" or cutoff <= MIXED_PSNR:
        return []
    return [
        f"density.input_psnr: found a cut-off of {cutoff} dB, sigma = {10 ** (-cutoff / 20):.2g}; "
        f"{denoiser} is trained with noise: mixed, which has none below sigma = 0.005, "
        f"{MIXED_PSNR:.2f} dB"
    ]


def _available(entry: dict) -> int | None:
    """How many images a data set has at most; None if that is known only once it is read."""
    asked, files = entry.get("images"), None
    if entry["source"] in ("folder", "celeba") and not entry.get("patches"):
        files = count(entry["path"], pattern(entry))
    return min((n for n in (asked, files) if n is not None), default=None)


def _test_images(entry: dict) -> float:
    """How many test images a data set has; infinite if that is known only once it is read."""
    if entry["test"] != "all":
        return entry["test"]
    available = _available(entry)
    return math.inf if available is None else available


def _check_optimum(config, path, study, dataset) -> list[str]:
    """Whether the optimum is asked for where it is known, and where it can be shown."""
    source = config["datasets"][dataset]["source"]
    optimal = [name for name in study["references"] if is_optimum(config, name)]
    found = [
        f"{path}.denoisers: found {name!r}, which has no training set; name it in `references`"
        for name in study["denoisers"]
        if is_optimum(config, name)
    ]
    if optimal and not (OPTIMA / f"{source}.py").is_file():
        sources = "gaussian, mixture, disks and calpha"
        found.append(
            f"{path}.references: found {optimal[0]!r}, but the optimum is known of {sources} "
            f"images, not of {source}, which {dataset} is"
        )
    found += [
        f"denoisers.{name}.contour: found 'known'; {dataset} is of {source} images, without one"
        for name in optimal
        if "contour" in config["denoisers"][name] and source != "calpha"
    ]
    return found


def _check_eigenbasis(config: dict, dataset: str) -> list[str]:
    """Whether the images whose eigenbases are wanted are there, and have so many pixels."""
    chosen, test = config["eigenbasis"], _test_images(root(config, dataset)[1])
    found, last = [], max(chosen["images"])
    if last >= test:
        found.append(f"eigenbasis.images: found {last}; {dataset} has test images 0 to {test - 1}")
    side = known_side(config, dataset)
    pixels = channels(config, dataset) * side**2 if side else None
    if pixels and chosen["keep"] and chosen["keep"] > pixels:
        found.append(
            f"eigenbasis.keep: found {chosen['keep']}; the images of {dataset} have {pixels} pixels"
        )
    return found


def _check_properties(config: dict, dataset: str) -> list[str]:
    """Whether there are as many test images as denoisers are looked at."""
    asked, test = config["properties"]["count"], root(config, dataset)[1]["test"]
    if test == "all" or asked <= test:
        return []
    return [f"properties.count: found {asked}; {dataset} has {test} test images"]


def _check_sources(config, path, datasets, figure, allowed: str | None) -> list[str]:
    """Whether a figure's data sets are those that it is of."""
    entries = [config["datasets"][dataset] for dataset in datasets]
    if allowed == "shuffled pair":
        if len(datasets) == 2 and root(config, datasets[1])[0] == datasets[0] != datasets[1]:
            return []
        return [
            f"{path}.datasets: the figure {figure!r} needs a data set and its shuffled version, in "
            f"this order; found {datasets}"
        ]
    wrong = [entry["source"] for entry in entries if allowed and entry["source"] != allowed]
    if not wrong:
        return []
    return [f"{path}.datasets: the figure {figure!r} is of {allowed} images, found {wrong[0]}"]


def _check_imported(entry, key, path, study, of_pairs: list[str]) -> list[str]:
    """Whether a denoiser that was trained elsewhere can be what a study asks of it."""
    weights, found = entry.get("weights", ""), []
    if of_pairs and "{subset}" not in weights:
        found.append(
            f"{path}.figures: found {of_pairs[0]!r}, which compares networks of two training sets; "
            f"{key} is one network, unless its `weights` hold {{subset}} (S1 or S2)"
        )
    if len(study["sizes"]) > 1 and "{N}" not in weights:
        found.append(
            f"{path}.sizes: found {study['sizes']}; {key} is trained elsewhere: give one size, "
            "unless its `weights` hold {N}"
        )
    subsets = ("S1", "S2") if of_pairs else ("S1",)
    for subset, N in itertools.product(subsets, study["sizes"]) if weights else ():
        try:
            file = Path(weights.format(subset=subset, N=N))
        except (LookupError, ValueError):
            return [f"{key}.weights: found {weights!r}; only {{subset}} and {{N}} may be in braces"]
        if not file.is_file():
            found.append(f"{key}.weights: found {str(file)!r}, but there is no such file")
    return found
