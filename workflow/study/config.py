"""Reading and checking the config: every mistake is named before any job starts."""

import copy
import difflib
import itertools
import sys
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator, validators

from study.files import is_url

#: Figures of samples, which need networks of two training sets; figures of eigenbases.
OF_PAIRS = {"samples", "pairs", "patches"}
OF_EIGENBASES = {"shrinkage", "rates", "disks", "shuffled"}

SCHEMA = Path(__file__).resolve().parent.parent / "schemas" / "config.schema.yaml"


class ConfigError(Exception):
    """What is wrong with the config, one line for each mistake."""


def schema() -> dict:
    return yaml.safe_load(SCHEMA.read_text())


def checked(config: dict) -> dict:
    """A copy of `config` with the schema's defaults filled in.

    Raises:
        ConfigError: unknown keys, wrong values, names of nothing, impossible combinations.
    """
    config = copy.deepcopy(dict(config))
    errors = sorted(_Validator(schema()).iter_errors(config), key=lambda e: list(map(str, e.path)))
    mistakes = list(dict.fromkeys(m for e in errors for m in _explain(e)))
    mistakes = mistakes or _cross_check(config)
    if mistakes:
        lines = "\n".join(f"  {m}" for m in mistakes)
        raise ConfigError(f"The config has {len(mistakes)} mistake(s):\n{lines}")
    return config


def _fill_defaults(validator, properties, instance, schema):
    if validator.is_type(instance, "object"):
        for name, subschema in properties.items():
            if "default" in subschema:
                instance.setdefault(name, copy.deepcopy(subschema["default"]))
    yield from Draft202012Validator.VALIDATORS["properties"](
        validator, properties, instance, schema
    )


_Validator = validators.extend(Draft202012Validator, {"properties": _fill_defaults})


def _explain(error) -> list[str]:
    """One line for each mistake: the key's path, what was found, what is allowed."""
    path = ".".join(map(str, error.absolute_path)) or "the top level"
    if error.validator == "additionalProperties":
        allowed = sorted(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(allowed))
        return [f"{path}: unknown key {u!r}{_meant(u, allowed)}" for u in unknown]
    if error.validator == "required":
        return [f"{path}: {error.message.replace(' property', ' key')}"]
    if error.validator in ("oneOf", "anyOf") and "description" in error.schema:
        allowed = error.schema["description"]
    elif error.validator == "pattern":
        allowed = f"must match {error.validator_value}"
    elif error.validator == "enum":
        allowed = f"must be one of {', '.join(map(str, error.validator_value))}"
    else:
        allowed = error.message.removeprefix(repr(error.instance)).strip()
    about = error.schema.get("description") if isinstance(error.schema, dict) else None
    about = f" ({about})" if about and about != allowed else ""
    return [f"{path}: found {error.instance!r}; {allowed}{about}"]


def _meant(name: str, allowed) -> str:
    close = difflib.get_close_matches(name, allowed, 1)
    return f"; did you mean {close[0]!r}?" if close else f"; allowed are {', '.join(allowed)}"


def _cross_check(config: dict) -> list[str]:
    """Mistakes that no schema sees: names of nothing, sizes and figures that cannot be."""
    found = []

    def known(path, names, section):
        for name in names:
            if name not in config[section]:
                found.append(
                    f"{path}: found {name!r}, no entry of {section}{_meant(name, config[section])}"
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
    for name, entry in config["networks"].items():
        if "architecture" in entry:
            known(f"networks.{name}.training", [entry["training"]], "trainings")
        if "function" in entry and code_file(entry["function"]) is None:
            found.append(
                f"networks.{name}.function: found {entry['function']!r}, but no such module is in "
                "the working directory or installed"
            )
    known("run", config["run"] or [], "studies")
    if config["eigenbasis"]["keep"] and config["eigenbasis"]["svd"]:
        found.append("eigenbasis.svd: found true, which needs the dense Jacobian, so no `keep`")
    sampling = config["sampling"]
    if not sampling["sigma_min"] < sampling["sd"] < sampling["sigma_max"]:
        found.append(
            f"sampling.sd: found {sampling['sd']}, which must be above sigma_min = "
            f"{sampling['sigma_min']} and below sigma_max = {sampling['sigma_max']}"
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
        known(f"studies.{name}.networks", study["networks"], "networks")
    if found:
        return found
    for name, study in config["studies"].items():
        if name in (config["run"] or config["studies"]):
            found += _check_study(config, f"studies.{name}", study)
    return found


def _check_study(config, path, study) -> list[str]:
    found = []
    sources = [config["datasets"][d] for d in study["datasets"]]
    for entry, dataset in zip(sources, study["datasets"], strict=True):
        entry = root(config, dataset)[1]
        sides = 2 if OF_PAIRS & set(study["figures"]) else 1
        needed = sides * max(study["sizes"]) + entry["test"]
        if entry.get("images") and needed > entry["images"]:
            found.append(
                f"{path}.sizes: found {max(study['sizes'])}; {dataset} has {entry['images']} "
                f"images, too few for {sides} x {max(study['sizes'])} training images and "
                f"{entry['test']} test images"
            )
        for network in study["networks"]:
            blocks = config["networks"][network].get("blocks", 0)
            side = known_side(entry)
            if side and side % 2**blocks:
                found.append(
                    f"{path}: the {side} pixels of {dataset} are not a multiple of "
                    f"2^{blocks}, which {network} with its {blocks} blocks needs"
                )
    for network in study["networks"]:
        found += _check_import(config["networks"][network], f"networks.{network}", path, study)
    last = max(config["eigenbasis"]["images"])
    analysed = OF_EIGENBASES & set(study["figures"])
    for dataset in study["datasets"] if analysed else ():
        test = root(config, dataset)[1]["test"]
        if last >= test:
            found.append(
                f"eigenbasis.images: found {last}; {dataset} has test images 0 to {test - 1}"
            )
        entry, keep = root(config, dataset)[1], config["eigenbasis"]["keep"]
        side = known_side(entry)
        pixels = channels(entry) * side**2 if side else None
        if pixels and keep and keep > pixels:
            found.append(
                f"eigenbasis.keep: found {keep}; the images of {dataset} have {pixels} pixels"
            )
    for figure, source in (("rates", "calpha"), ("disks", "disks")):
        wrong = [e["source"] for e in sources if e["source"] != source]
        if figure in study["figures"] and wrong:
            found.append(
                f"{path}.datasets: the figure {figure!r} is of {source} images, found {wrong[0]}"
            )
    if "shuffled" in study["figures"]:
        pair = study["datasets"]
        if len(pair) != 2 or sources[1].get("of") != pair[0]:
            found.append(
                f"{path}.datasets: the figure 'shuffled' needs a data set and its shuffled "
                f"version, in this order; found {pair}"
            )
    return found


def known_side(entry: dict) -> int | None:
    """Side of the images in pixels; None if only the images tell."""
    crop = entry.get("crop")
    return entry["side"] or (crop if isinstance(crop, int) else None)


def channels(entry: dict) -> int:
    """Channels of the images: 3 if they keep their colours, else 1."""
    return 3 if entry.get("gray", "mean") is None else 1


def root(config: dict, dataset: str) -> tuple[str, dict]:
    """Name and entry of the data set that `dataset` is a shuffled version of, or its own."""
    entry = config["datasets"][dataset]
    return (entry["of"], config["datasets"][entry["of"]]) if "of" in entry else (dataset, entry)


def _check_import(entry, key, path, study) -> list[str]:
    """Whether a denoiser that was trained elsewhere can be what a study asks of it."""
    if "architecture" in entry:
        return []
    weights = entry.get("weights", "")
    found = []
    of_pairs = [figure for figure in study["figures"] if figure in OF_PAIRS]
    if of_pairs and "{side}" not in weights:
        found.append(
            f"{path}.figures: found {of_pairs[0]!r}, which compares networks of two training sets; "
            f"{key} is one network, unless its `weights` hold {{side}} (S1 or S2)"
        )
    if "history" in study["figures"]:
        found.append(
            f"{path}.figures: found 'history', which shows how networks were trained; {key} is "
            "trained elsewhere"
        )
    if len(study["sizes"]) > 1 and "{N}" not in weights:
        found.append(
            f"{path}.sizes: found {study['sizes']}; {key} is trained elsewhere: give one size, "
            "unless its `weights` hold {N}"
        )
    sides = ("S1", "S2") if of_pairs else ("S1",)
    for side, N in itertools.product(sides, study["sizes"]) if weights else ():
        try:
            file = Path(weights.format(side=side, N=N))
        except (LookupError, ValueError):
            return [f"{key}.weights: found {weights!r}; only {{side}} and {{N}} may be in braces"]
        if not file.is_file():
            found.append(f"{key}.weights: found {str(file)!r}, no such file")
    return found


def code_file(function: str) -> Path | None:
    """The file of the module of "module:name", without importing it; None if there is none."""
    parts = function.partition(":")[0].split(".")
    for folder in (*map(Path, sys.path), Path.cwd()):  # the order in which a job looks
        stem = folder.joinpath(*parts)
        for file in (stem / "__init__.py", stem.with_suffix(".py")):
            if file.is_file():
                return file
    return None
