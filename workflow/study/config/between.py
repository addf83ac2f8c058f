"""Mistakes between entries of the config: names of no entry, and entries that do not fit together.

These and the checks of studies read the config with its defaults, as everything else does.
"""

import itertools
from collections.abc import Iterator

from gahb import groups
from gahb.chosen import ChoiceError

from study.config.messages import closest
from study.entries import chosen_count, chosen_parts, is_drawn, pattern, sampling
from study.files import names


def mistakes_between(config: dict) -> list[str]:
    """One line for each mistake."""
    loops = [*_loops(config)]
    if loops:  # as no files can be counted
        return loops
    checks = (_names, _made_of_others, _groups, _choices, _levels, _sampling)
    return [mistake for check in checks for mistake in check(config)]


def _named(config: dict) -> Iterator[tuple]:
    """(key, names given there, section of these names)."""
    yield "run", config["run"] or [], "studies"
    for name, entry in config["datasets"].items():
        if "of" in entry:
            yield f"datasets.{name}.of", [entry["of"]], "datasets"
    for name, entry in config["denoisers"].items():
        for key, section in (("training", "training"), ("calibrated", "denoisers")):
            if key in entry:
                yield f"denoisers.{name}.{key}", [entry[key]], section
    for name, study in config["studies"].items():
        for key in ("datasets", "denoisers", "references"):
            section = "datasets" if key == "datasets" else "denoisers"
            yield f"studies.{name}.{key}", study[key], section


def _names(config: dict) -> Iterator[str]:
    for path, found, section in _named(config):
        for name in found:
            if name not in config[section]:
                meant = closest(name, config[section])
                yield f"{path}: found {name!r}, which is not an entry of {section}{meant}"


def _made_of_others(config: dict) -> Iterator[str]:
    """Data sets made of, and references calibrated on, entries that are derived themselves."""
    datasets, denoisers = config["datasets"], config["denoisers"]
    for name, entry in datasets.items():
        if "of" in datasets.get(entry.get("of"), {}):
            yield f"datasets.{name}.of: found {entry['of']!r}, itself made from another data set"
    for name, entry in denoisers.items():
        network = entry.get("calibrated")
        drawn = network in denoisers and is_drawn(config, network)
        if drawn or "reference" in denoisers.get(network, {}):
            what = "which is samples" if drawn else "itself a reference"
            yield f"denoisers.{name}.calibrated: found {network!r}, {what}; name a network"


def _loops(config: dict) -> Iterator[str]:
    """Links that lead to a folder that holds them."""
    for name, entry in config["datasets"].items():
        try:
            names(entry["path"]) if "path" in entry else None
        except OSError as error:
            yield f"datasets.{name}.path: {error.filename}: {error.strerror}"


def _groups(config: dict) -> Iterator[str]:
    """Groups that do not fit the files of a folder; only a job lists the files of an archive."""
    for name, entry in config["datasets"].items():
        if "groups" in entry:
            used, every = (names(entry["path"], match) for match in (pattern(entry), None))
            if mistake := groups.mistakes(entry["groups"], used, every or []):
                yield f"datasets.{name}.groups: {mistake}"


def _compared(config: dict) -> dict:
    """Names of the denoisers in the studies that are run, without repetition."""
    studies = [config["studies"].get(name, {}) for name in config["run"] or config["studies"]]
    keys = itertools.product(studies, ("denoisers", "references"))
    return dict.fromkeys(name for study, key in keys for name in study.get(key, []))


def _choices(config: dict) -> Iterator[str]:
    """Unreadable lists, and names and patterns that match no image of a folder."""
    for name, entry in config["datasets"].items():
        for part in chosen_parts(entry):
            try:
                chosen_count(entry, part)
            except ChoiceError as error:
                yield f"datasets.{name}.{'held_out' if part == 'test' else 'train'}: {error}"


def _sampling(config: dict) -> Iterator[str]:
    """Noise levels of a denoiser's samples that contradict one another."""
    for name in config["denoisers"]:
        found = sampling(config, name)
        sd, least = found["sd"], found["sigma_min"]
        most = found["sigma_max"] or (sd and 3 * sd)
        if sd is not None and not least < sd < most:
            yield (
                f"denoisers.{name}.samples.sd: found {sd}, which must be above sigma_min = {least} "
                f"and below sigma_max = {most}"
            )


def _levels(config: dict) -> Iterator[str]:
    """PSNR curves too short for slopes, and references at noise levels that others lack."""
    levels, (low, high) = config["psnr"]["input_psnr"], config["psnr"]["slope_range"]
    curves = {"psnr.input_psnr": levels}
    for name in _compared(config):
        own = config["denoisers"].get(name, {}).get("psnr", {})
        if "input_psnr" in own:
            curves[f"denoisers.{name}.psnr.input_psnr"] = own["input_psnr"]
    for path, chosen in curves.items():
        for level in chosen:
            if level not in levels:
                yield f"{path}: found {level}, which is not among psnr.input_psnr"
        inside = sum(low <= level <= high for level in chosen)
        if inside < 3:
            yield (
                f"psnr.slope_range: found [{low}, {high}], which holds {inside} of {path}; a slope "
                "is fitted to at least three"
            )
