"""Mistakes in a study of denoisers or samples from elsewhere, and of chosen images."""

import itertools
from collections.abc import Iterator
from pathlib import Path

from study.config.asked import Asked
from study.entries import chosen_count, chosen_parts, is_drawn, root, sampling

#: Stores that need samples, but neither a denoiser nor held-out images; `beyond` needs more.
OF_SAMPLES = {"samples", "similarity", "beyond", "images", "redundancy"}


def chosen_mistakes(asked: Asked, dataset: str) -> Iterator[str]:
    """Images of S1 and S2 that `train` does not name, and held-out images that do not exist."""
    name, entry = root(asked.config, dataset)
    N, parts = max(asked.study["sizes"]), chosen_parts(entry)
    pairs = [figure for denoiser in asked.study["denoisers"] for figure in asked.pairs(denoiser)]
    if pairs and "S2" not in parts:
        yield (
            f"{asked.path}.figures: found {pairs[0]!r}, which compares networks of two training "
            f"sets; datasets.{name}.train is one, unless {{subset}} (S1 or S2) is in it"
        )
    for part in ("S1", "S2") if pairs and "S2" in parts else ("S1",):
        count = chosen_count(entry, part)
        if count is not None and N > count:
            yield (
                f"{asked.path}.sizes: found {N}; datasets.{name}.train names {count} images for "
                f"{part}"
            )
    if entry.get("held_out", "") is None:
        yield from _untested(asked, dataset)


def _untested(asked: Asked, dataset: str) -> Iterator[str]:
    """Requests for held-out images where there are none."""
    why = f"which needs held-out images; {dataset} has none (`held_out: null`)"
    for name in asked.compared():
        if {"architecture", "calibrated"} & asked.config["denoisers"][name].keys():
            yield f"{asked.path}.denoisers: found {name!r}, {why}"
    for figure, d in asked.declared.items():
        if d["reads"].keys() - OF_SAMPLES:
            yield f"{asked.path}.figures: found {figure!r}, {why}"
    for name in asked.study["denoisers"]:
        start = sampling(asked.config, name)["start"]
        if start == "gaussian" and not is_drawn(asked.config, name):
            yield (
                f"samples.start: found 'gaussian' for {name}, {why}; `start: paper` needs none, if "
                f"`sd` is so large that noise hides the images: denoisers.{name}.samples: "
                "{start: paper, sd: 20, sigma_max: 60}"
            )


def elsewhere_mistakes(asked: Asked, denoiser: str) -> Iterator[str]:
    """Requests that a denoiser, or samples, from elsewhere cannot meet."""
    yield from _files(asked, denoiser)
    for dataset in asked.study["datasets"] if "verdict" in asked.declared else ():
        name, entry = root(asked.config, dataset)
        if "train" not in entry:
            files = "" if "path" in entry else ", a key of data sets that are made from files"
            yield (
                f"{asked.path}.figures: found 'verdict' of {denoiser}; which images was it trained "
                f"on? give datasets.{name}.train{files}"
            )
    for dataset in asked.study["datasets"] if asked.reading("similarity") else ():
        yield from _not_all(asked, denoiser, dataset)
    for figure, d in asked.declared.items() if is_drawn(asked.config, denoiser) else ():
        # Figures that can show a single denoiser need no `beyond`.
        needs = OF_SAMPLES if d.get("single") else OF_SAMPLES - {"beyond"}
        if d["reads"].keys() - needs:
            yield (
                f"{asked.path}.figures: found {figure!r}, which needs a denoiser; "
                f"denoisers.{denoiser} is samples, which samples, pairs, patches and verdict show"
            )


def _not_all(asked: Asked, denoiser: str, dataset: str) -> Iterator[str]:
    """An N that leaves out some of the images on which the denoiser was trained."""
    (name, entry), used = root(asked.config, dataset), asked.config["denoisers"][denoiser]
    path, N = used.get("samples") or used.get("weights"), max(asked.study["sizes"])
    of_each_size = isinstance(path, str) and "{N}" in path
    count = chosen_count(entry, "S1") if "train" in entry and not of_each_size else None
    if count is not None and N < count:
        yield (
            f"{asked.path}.sizes: found {N}; datasets.{name}.train names {count} images, and "
            f"copies of the others would not be found among the samples of {denoiser}: `sizes: all`"
        )


def _files(asked: Asked, denoiser: str) -> Iterator[str]:
    """Requests for other subsets or sizes, and missing files."""
    key, sizes, pairs = f"denoisers.{denoiser}", asked.study["sizes"], asked.pairs(denoiser)
    of = "samples" if is_drawn(asked.config, denoiser) else "weights"
    path = asked.config["denoisers"][denoiser].get(of, "")
    path = path if isinstance(path, str) else ""
    if pairs and "{subset}" not in path:
        yield (
            f"{asked.path}.figures: found {pairs[0]!r}, which compares networks of two training "
            f"sets; {key} is one network, unless its `{of}` hold {{subset}} (S1 or S2)"
        )
    if len(sizes) > 1 and "{N}" not in path:
        yield (
            f"{asked.path}.sizes: found {sizes}; {key} is trained elsewhere: give one size, unless "
            f"its `{of}` hold {{N}}"
        )
    subsets = ("S1", "S2") if pairs else ("S1",)
    for subset, N in itertools.product(subsets, sizes) if path else ():
        try:
            file = Path(path.format(subset=subset, N=N)).expanduser()
        except (LookupError, ValueError):
            yield f"{key}.{of}: found {path!r}; only {{subset}} and {{N}} may be in braces"
            return
        if not (file.exists() if of == "samples" else file.is_file()):
            yield f"{key}.{of}: found {str(file)!r}, but there is no such file"
