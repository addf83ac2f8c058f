"""Mistakes in a config that no schema sees: names of nothing, sizes and figures that cannot be."""

import itertools
from pathlib import Path

from study import figures
from study.entries import channels, closest, known_side, root
from study.files import code_file, is_url
from study.fingerprint import ROOT, keywords


def mistakes_between(config: dict) -> list[str]:
    """One line for each mistake, by key."""
    found = []

    def known(path, names, section):
        for name in names:
            if name not in config[section]:
                found.append(
                    f"{path}: found {name!r}, no entry of {section}{closest(name, config[section])}"
                )

    for name, entry in config["datasets"].items():
        path = entry.get("path", "")
        if is_url(path) and entry["source"] in ("folder", "lmdb", "zarr"):
            found.append(
                f"datasets.{name}.path: found {path!r}; a {entry['source']} is no single file that "
                "can be fetched"
            )
        elif is_url(path) != ("sha256" in entry):
            found.append(
                f"datasets.{name}.sha256: not given; a file from {path} is checked against it"
                if is_url(path)
                else f"datasets.{name}.sha256: is for a file from a URL, but path is {path!r}"
            )
        if entry.get("patches") and entry["side"] is None:
            found.append(f"datasets.{name}.side: not given; it is the side of the patches")
        if entry["source"] == "shuffled":
            known(f"datasets.{name}.of", [entry["of"]], "datasets")
            if config["datasets"].get(entry["of"], {}).get("source") == "shuffled":
                found.append(f"datasets.{name}.of: found {entry['of']!r}, itself shuffled")
    for name, entry in config["denoisers"].items():
        if "architecture" in entry:
            known(f"denoisers.{name}.training", [entry["training"]], "training")
        if "function" in entry and code_file(entry["function"]) is None:
            found.append(
                f"denoisers.{name}.function: found {entry['function']!r}, but no such module is in "
                "the working directory or installed"
            )
        if "reference" in entry:
            found += _check_options(entry, f"denoisers.{name}")
    known("run", config["run"] or [], "studies")
    if config["eigenbasis"]["keep"] and config["eigenbasis"]["svd"]:
        found.append("eigenbasis.svd: found true, which needs the dense Jacobian, so no `keep`")
    samples = config["samples"]
    if not samples["sigma_min"] < samples["sd"] < samples["sigma_max"]:
        found.append(
            f"samples.sd: found {samples['sd']}, which must be above sigma_min = "
            f"{samples['sigma_min']} and below sigma_max = {samples['sigma_max']}"
        )
    low, high = config["psnr"]["slope_range"]
    inside = [p for p in config["psnr"]["input_psnr"] if low <= p <= high]
    if len(inside) < 3:
        found.append(
            f"psnr.slope_range: found [{low}, {high}], which holds {len(inside)} of "
            "psnr.input_psnr; a slope is fitted to at least three"
        )
    for name, study in config["studies"].items():
        known(f"studies.{name}.datasets", study["datasets"], "datasets")
        known(f"studies.{name}.denoisers", study["denoisers"], "denoisers")
        known(f"studies.{name}.references", study["references"], "denoisers")
    if found:
        return found
    for name, study in config["studies"].items():
        if name in (config["run"] or config["studies"]):
            found += _check_study(config, f"studies.{name}", study)
    return found


def _check_options(entry: dict, path: str) -> list[str]:
    """Whether a reference has the options that it takes: the keyword arguments of its `fit`."""
    reference, *given = entry["reference"], *entry.keys() - {"reference"}
    takes = keywords(ROOT / "gahb" / "denoisers" / f"{reference}.py", "fit")
    takes_them = f"; {reference} takes {', '.join(takes) or 'no options'}"
    unknown = [f"{path}: unknown key {key!r}{takes_them}" for key in given if key not in takes]
    missing = [k for k, required in takes.items() if required and k not in given]
    return unknown + [f"{path}: {key!r} is a required key of {reference}" for key in missing]


def _check_study(config: dict, path: str, study: dict) -> list[str]:
    found = []
    declared = {figure: figures.declared()[figure] for figure in study["figures"]}
    of_pairs = [figure for figure, d in declared.items() if "similarity" in d["reads"]]
    for dataset in study["datasets"]:
        entry = root(config, dataset)[1]
        subsets = 2 if of_pairs else 1
        needed = subsets * max(study["sizes"]) + entry["test"]
        if entry.get("images") and needed > entry["images"]:
            found.append(
                f"{path}.sizes: found {max(study['sizes'])}; {dataset} has {entry['images']} "
                f"images, too few for {subsets} x {max(study['sizes'])} training images and "
                f"{entry['test']} test images"
            )
        for denoiser in study["denoisers"]:
            blocks = config["denoisers"][denoiser].get("blocks", 0)
            side = known_side(entry)
            if side and side % 2**blocks:
                found.append(
                    f"{path}: the {side} pixels of {dataset} are not a multiple of "
                    f"2^{blocks}, which {denoiser} with its {blocks} blocks needs"
                )
        if any("eigenbasis" in d["reads"] for d in declared.values()):
            found += _check_eigenbasis(config, dataset)
    for denoiser in study["denoisers"]:
        entry = config["denoisers"][denoiser]
        of_training = [figure for figure, d in declared.items() if "history" in d["reads"]]
        if of_training and not figures.is_trained(config, denoiser):
            found.append(
                f"{path}.figures: found {of_training[0]!r}, which shows how networks were trained; "
                f"denoisers.{denoiser} is not trained here"
            )
        if "weights" in entry or "function" in entry:
            found += _check_imported(entry, f"denoisers.{denoiser}", path, study, of_pairs)
    for figure, d in declared.items():
        found += _check_sources(config, path, study["datasets"], figure, d.get("sources"))
    return found


def _check_eigenbasis(config: dict, dataset: str) -> list[str]:
    """Whether the images whose eigenbases are wanted are there, and have so many pixels."""
    entry, chosen = root(config, dataset)[1], config["eigenbasis"]
    found, last, test = [], max(chosen["images"]), entry["test"]
    if last >= test:
        found.append(f"eigenbasis.images: found {last}; {dataset} has test images 0 to {test - 1}")
    side = known_side(entry)
    pixels = channels(entry) * side**2 if side else None
    if pixels and chosen["keep"] and chosen["keep"] > pixels:
        found.append(
            f"eigenbasis.keep: found {chosen['keep']}; the images of {dataset} have {pixels} pixels"
        )
    return found


def _check_sources(config, path, datasets, figure, allowed: str | None) -> list[str]:
    """Whether a figure's data sets are those that it is of."""
    entries = [config["datasets"][dataset] for dataset in datasets]
    if allowed == "shuffled pair":
        if len(datasets) == 2 and entries[1].get("of") == datasets[0]:
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
            found.append(f"{key}.weights: found {str(file)!r}, no such file")
    return found
