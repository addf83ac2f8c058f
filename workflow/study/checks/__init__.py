"""Mistakes in a config that no schema sees: names of nothing, sizes and figures that cannot be."""

from gahb import groups

from study.checks.studies import check_study
from study.entries import closest, pattern
from study.files import code_file, is_url, names
from study.fingerprint import REFERENCES, constant, keywords


def mistakes_between(config: dict) -> list[str]:
    """One line for each mistake, by key."""
    found = []

    def known(path, names, section):
        for name in names:
            if name not in config[section]:
                found.append(
                    f"{path}: found {name!r}, which is not an entry of {section}"
                    f"{closest(name, config[section])}"
                )

    for name, entry in config["datasets"].items():
        path = entry.get("path", "")
        if is_url(path) and entry["source"] in ("folder", "lmdb", "zarr"):
            found.append(
                f"datasets.{name}.path: found {path!r}; a {entry['source']} is not a single file, "
                "so it cannot be fetched"
            )
        elif is_url(path) != ("sha256" in entry):
            found.append(
                f"datasets.{name}.sha256: not given; a file from {path} is checked against it"
                if is_url(path)
                else f"datasets.{name}.sha256: is for a file from a URL, but path is {path!r}"
            )
        if "groups" in entry and (mistake := _check_groups(entry)):
            found.append(f"datasets.{name}.groups: {mistake}")
        if "groups" in entry and entry["test"] == "all":
            found.append(
                f"datasets.{name}.groups: there is nothing to divide; all images are test images "
                "(`test: all`)"
            )
        if entry.get("patches") and entry["side"] is None:
            found.append(f"datasets.{name}.side: not given; it is the side of the patches")
        if "of" in entry:
            known(f"datasets.{name}.of", [entry["of"]], "datasets")
            if "of" in config["datasets"].get(entry["of"], {}):
                found.append(
                    f"datasets.{name}.of: found {entry['of']!r}, itself made from another data set"
                )
        if entry["source"] == "gaussian" and not ("of" in entry) == ("beta" not in entry) == (
            "side" not in entry
        ):
            found.append(f"datasets.{name}: give either `beta` and `side`, or `of`")
    for name, recipe in config["training"].items():
        batch, part = recipe["batch"], recipe["microbatch"] or recipe["batch"]
        if batch % part:
            found.append(
                f"training.{name}.microbatch: found {part}, no divisor of the batch of {batch}"
            )
        if part % recipe["gpus"]:
            found.append(
                f"training.{name}.gpus: found {recipe['gpus']}, which cannot share {part} images; "
                f"give a divisor of the {'microbatch' if recipe['microbatch'] else 'batch'}"
            )
    for name, entry in config["denoisers"].items():
        if "architecture" in entry:
            known(f"denoisers.{name}.training", [entry["training"]], "training")
            found += _check_divided(entry, f"denoisers.{name}")
        if "function" in entry:
            found += _check_function(f"denoisers.{name}.function", entry["function"])
        if "reference" in entry:
            found += _check_options(entry, f"denoisers.{name}")
            if "calibrated" in entry:
                known(f"denoisers.{name}.calibrated", [entry["calibrated"]], "denoisers")
                if "reference" in config["denoisers"].get(entry["calibrated"], {}):
                    found.append(
                        f"denoisers.{name}.calibrated: found {entry['calibrated']!r}, itself a "
                        "reference; name a network"
                    )
    if config["similarity"]["embedding"] is not None:
        found += _check_function("similarity.embedding", config["similarity"]["embedding"])
    known("run", config["run"] or [], "studies")
    if config["eigenbasis"]["keep"] and config["eigenbasis"]["svd"]:
        found.append("eigenbasis.svd: found true, which needs the dense Jacobian, so no `keep`")
    samples = config["samples"]
    if not samples["sigma_min"] < samples["sd"] < samples["sigma_max"]:
        found.append(
            f"samples.sd: found {samples['sd']}, which must be above sigma_min = "
            f"{samples['sigma_min']} and below sigma_max = {samples['sigma_max']}"
        )
    first, cutoff = config["density"]["input_psnr"]
    if first >= cutoff:
        found.append(f"density.input_psnr: found [{first}, {cutoff}]; the first must be smaller")
    found += _check_levels(config)
    for name, study in config["studies"].items():
        known(f"studies.{name}.datasets", study["datasets"], "datasets")
        known(f"studies.{name}.denoisers", study["denoisers"], "denoisers")
        known(f"studies.{name}.references", study["references"], "denoisers")
    if found:
        return found
    for name, study in config["studies"].items():
        if name in (config["run"] or config["studies"]):
            found += check_study(config, f"studies.{name}", study)
    return found


def _check_function(path: str, function: str) -> list[str]:
    """Whether the module of a function of the user's is there; it is not imported."""
    if code_file(function) is not None:
        return []
    return [
        f"{path}: found {function!r}, but no such module is in the working directory or installed"
    ]


def _check_groups(entry: dict) -> str:
    """Whether every file has a group; of an archive only its job can tell."""
    used, every = (names(entry["path"], match) for match in (pattern(entry), None))
    return groups.mistakes(entry["groups"], used, every or [])


def _check_levels(config: dict) -> list[str]:
    """Whether PSNR curves have slopes, and those of references the noise levels of the others."""
    low, high = config["psnr"]["slope_range"]
    levels = config["psnr"]["input_psnr"]
    own = {n: e["psnr"] for n, e in config["denoisers"].items() if "psnr" in e}
    chosen = {f"denoisers.{n}.psnr": e["input_psnr"] for n, e in own.items() if "input_psnr" in e}
    found = [f"psnr.input_psnr: found {levels}, which must increase"] * (levels != sorted(levels))
    found += [
        f"{path}.input_psnr: found {p}, which is not among psnr.input_psnr"
        for path, some in chosen.items()
        for p in some
        if p not in levels
    ]
    for path, some in ({"psnr": levels} | chosen).items():
        inside = sum(low <= p <= high for p in some)
        if inside < 3:
            found.append(
                f"psnr.slope_range: found [{low}, {high}], which holds {inside} of "
                f"{path}.input_psnr; a slope is fitted to at least three"
            )
    return found


def _check_divided(entry: dict, path: str) -> list[str]:
    """Whether the options of a transformer divide one another."""
    if entry["architecture"] != "transformer":
        return []
    return [
        f"{path}.{whole}: found {entry[whole]}, no multiple of {part}, {entry[part]}"
        for whole, part in (("side", "patch"), ("channels", "heads"))
        if entry[whole] % entry[part]
    ]


def _check_options(entry: dict, path: str) -> list[str]:
    """Whether a reference has the options that it takes: the keyword arguments of its `fit`."""
    reference, *given = entry["reference"], *entry.keys() - {"reference", "psnr"}
    module = REFERENCES / f"{reference}.py"
    takes = keywords(module, "fit")
    of_network = constant(module, "CALIBRATED")
    if of_network and "calibrated" in given:  # gives these
        takes = {k: v for k, v in takes.items() if k not in (of_network, "sensitivity")}
    elif "sensitivity" in takes:  # which only a network gives
        takes = {"calibrated": True}
    allowed = [*takes, *(["calibrated"] if of_network else [])]
    takes_them = f"; {reference} takes {', '.join(dict.fromkeys(allowed)) or 'no options'}"
    unknown = [f"{path}: unknown key {key!r}{takes_them}" for key in given if key not in allowed]
    missing = [
        f"{path}: {key!r} is a required key of {reference}"
        + (", or 'calibrated' instead" if key == of_network else "")
        for key, required in takes.items()
        if required and key not in given
    ]
    return unknown + missing
