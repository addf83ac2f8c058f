"""What each rule is given, and the files that the studies need.

A rule's params are three: `values`, the config values that it uses; `code`, the fingerprint of
the code that it runs; `upstream`, the keys of what its inputs were made from. A job is stale when
one of them has changed, and for no other reason: time stamps do not count. A key is the hash of the
three, so that a change reaches everything that depends on it, through any number of jobs.
"""

import functools
import hashlib
import itertools
import json
import math
import re
from collections.abc import Callable
from pathlib import Path

from study.config import code_file, root
from study.files import fetched, is_url, listing, recorded
from study.fingerprint import ROOT, fingerprint

_RUN = "results/{dataset}/{network}/{side}-{N}"

#: Where everything that more than one rule reads or writes lies.
PATHS = {
    "fetched": "data/{sha256}/{file}",
    "images": "results/{dataset}/images.zarr",
    "duplicates": "results/{dataset}/duplicates.zarr",
    "split": "results/{dataset}/split.zarr",
    "weights": f"{_RUN}/weights.safetensors",
    "history": f"{_RUN}/history.zarr",
    "psnr": f"{_RUN}/psnr.zarr",
    "samples": f"{_RUN}/samples.zarr",
    "similarity": "results/{dataset}/{network}/pair-{N}/similarity.zarr",
    "eigenbasis": f"{_RUN}/eigenbasis.zarr",
    "summary": "results/summary.csv",
}

#: The stores that each figure is drawn from: (kinds, every N or the largest, sides).
FIGURES = {
    "psnr_curves": (("psnr",), "every", ("S1",)),
    "samples": (("samples", "similarity", "images"), "every", ("S1", "S2")),
    "shrinkage": (("eigenbasis",), "largest", ("S1",)),
    "rates": (("psnr", "eigenbasis"), "largest", ("S1",)),
    "disks": (("psnr", "eigenbasis"), "largest", ("S1",)),
    "shuffled": (("psnr", "eigenbasis"), "largest", ("S1",)),
    "pairs": (("similarity", "images"), "largest", ("S1",)),
    "patches": (("samples", "similarity", "images"), "every", ("S1",)),
    "history": (("history",), "every", ("S1",)),
}
#: Figures that compare the data sets of a study; the others are of one data set.
OF_SEVERAL_DATASETS = ("rates", "shuffled")
#: The look of all figures, no module and so in no fingerprint.
STYLE_SHEET = ROOT / "gahb" / "figures" / "paper.mplstyle"


def figure_path(figure: str) -> str:
    """Path of a figure without its ending; its wildcards are study, network and maybe dataset."""
    of = "{network}" if figure in OF_SEVERAL_DATASETS else "{dataset}_{network}"
    return f"results/figures/{{study}}/{figure}_{of}"


def derived_seed(*names) -> int:
    """A seed for one job, from the config's seed and the job's own names: 32 bits."""
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return int.from_bytes(digest[:4], "big")


def _hash(value) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _content(path: str) -> str:
    """Hash of a file of the user's."""
    return _content_at(path, Path(path).stat().st_mtime_ns)


@functools.cache
def _content_at(path: str, time: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


class Stage:
    """A rule: its script and, as functions of the wildcards, what it uses and what came before.

    Args:
        script: file in workflow/scripts.
        values: wildcards -> the config values that the script is given.
        upstream: wildcards -> keys of what the inputs are made from.
        modules: wildcards -> modules that the script imports by a name from the config.
    """

    def __init__(
        self,
        script: str,
        values: Callable[[dict], dict],
        upstream: Callable[[dict], list[str]] = lambda wc: [],
        modules: Callable[[dict], list[str]] = lambda wc: [],
    ):
        self._script, self._values, self._upstream, self._modules = (
            script,
            values,
            upstream,
            modules,
        )

    @property
    def params(self) -> dict:
        """The params of the rule; Snakemake evaluates each with the job's wildcards."""
        return {"values": self.values, "code": self.code, "upstream": self.upstream}

    def values(self, wildcards) -> dict:
        # Through JSON, so that the order of keys in the config does not matter.
        values = self._values(dict(wildcards.items()))
        return json.loads(json.dumps(values, sort_keys=True))

    def code(self, wildcards) -> str:
        return "code " + fingerprint(self._script, *self._modules(dict(wildcards.items())))

    def upstream(self, wildcards) -> str:
        return "inputs " + _hash(self._upstream(dict(wildcards.items())))

    def key(self, wildcards) -> str:
        return _hash([self.values(wildcards), self.code(wildcards), self.upstream(wildcards)])


class Plan:
    """The jobs of a checked config."""

    def __init__(self, config: dict):
        self.config = config

        self.fetch = Stage("fetch.py", lambda wc: {"sha256": wc["sha256"]})
        self.images = Stage("prepare_images.py", self._images, self._origin, self._source)
        self.duplicates = Stage(
            "near_duplicates.py", self._duplicates, lambda wc: [self.images.key(wc)]
        )
        self.split = Stage("split.py", self._split, self._splits_from)
        self.train = Stage(
            "train.py", self._train, lambda wc: [self.split.key(wc)], self._architecture
        )
        self.history = self.train  # made by the same job
        self.imported = Stage(
            "import_denoiser.py", self._import, self._import_upstream, self._architecture
        )
        self.psnr = Stage("psnr.py", self._psnr, self._network_and_split, self._architecture)
        self.samples = Stage(
            "sample.py",
            self._samples,
            lambda wc: [self._weights(wc).key(wc)],
            self._architecture,
        )
        self.similarity = Stage(
            "similarity.py",
            lambda wc: {**self.config["similarity"], "N": int(wc["N"])},
            lambda wc: [
                self.split.key(wc),
                *(self.samples.key({**wc, "side": side}) for side in ("S1", "S2")),
            ],
        )
        self.eigenbasis = Stage(
            "eigenbasis.py", self._eigenbasis, self._network_and_split, self._architecture
        )
        self.summary = Stage("summary.py", self._summary, self._summary_upstream)

    # What each rule uses of the config.

    def _seed(self, *names) -> int:
        return derived_seed(self.config["seed"], *names)

    def _images(self, wc) -> dict:
        name, entry = wc["dataset"], dict(self.config["datasets"][wc["dataset"]])
        for later in ("test", "duplicates"):
            entry.pop(later, None)
        path, sha256 = entry.pop("path", None), entry.pop("sha256", None)
        if path is not None:
            # What the files are counts, not where they lie. Results outlive the files.
            match = "*.jpg" if entry["source"] == "celeba" else entry.get("match")
            found = sha256 or listing(path, match)
            entry["files"] = found or recorded(PATHS["images"].format(dataset=name))
        return {**entry, "seed": self._seed("images", name)}

    def _origin(self, wc) -> list[str]:
        origin = self.config["datasets"][wc["dataset"]].get("of")
        return [self.images.key({"dataset": origin})] if origin else []

    def image_inputs(self, wildcards) -> list[str]:
        """The store of images that a shuffled data set is made from, or the file of a URL."""
        entry = self.config["datasets"][wildcards.dataset]
        if "of" in entry:
            return [PATHS["images"].format(dataset=entry["of"])]
        return [fetched(entry["path"], entry["sha256"])] if is_url(entry.get("path", "")) else []

    def _source(self, wc) -> list[str]:
        return [f"gahb.datasets.{self.config['datasets'][wc['dataset']]['source']}"]

    def _duplicates(self, wc) -> dict:
        return {"threshold": self.config["datasets"][wc["dataset"]]["duplicates"]}

    def duplicates_input(self, wildcards) -> list[str]:
        """The store of near-duplicates, if they are dropped: those of the unshuffled images."""
        name, entry = root(self.config, wildcards["dataset"])
        return [PATHS["duplicates"].format(dataset=name)] if entry.get("duplicates") else []

    def _splits_from(self, wc) -> list[str]:
        name, entry = root(self.config, wc["dataset"])
        dropped = [self.duplicates.key({"dataset": name})] if entry.get("duplicates") else []
        return [self.images.key(wc), *dropped]

    def _split(self, wc) -> dict:
        # A shuffled data set is split as the one that it is a version of.
        name, entry = root(self.config, wc["dataset"])
        return {"test": entry["test"], "seed": self._seed("split", name)}

    def _train(self, wc) -> dict:
        entry = dict(self.config["networks"][wc["network"]])
        recipe = dict(self.config["trainings"][entry.pop("training")])
        images, epochs = recipe.pop("images", None), recipe.pop("epochs", None)
        if epochs is not None:
            images = epochs * recipe["epoch"]
        if images is not None:
            recipe["steps"] = math.ceil(images / recipe["batch"])
        names = (wc["dataset"], wc["network"], wc["N"])
        return {
            "architecture": entry.pop("architecture"),
            "sizes": entry,
            "snapshots": recipe.pop("snapshots"),
            "recipe": recipe,
            "side": wc["side"],
            "N": int(wc["N"]),
            # The two networks of a pair start from the same weights.
            "initialization_seed": self._seed("initialization", *names),
            "seed": self._seed("training", *names, wc["side"]),
        }

    def _architecture(self, wc) -> list[str]:
        entry = self.config["networks"][wc["network"]]
        if "weights" in entry:
            # Which of them a file holds is known when it is read.
            return ["gahb.networks.unet", "gahb.networks.bfcnn"]
        return [f"gahb.networks.{entry.get('architecture', 'function')}"]

    # Denoisers that are not trained here.

    def names(self, section: str, *keys: str) -> str:
        """Pattern of the names of a section's entries, all or those that have one of these keys."""
        entries = self.config[section].items()
        named = [n for n, entry in entries if not keys or any(k in entry for k in keys)]
        return "|".join(map(re.escape, named)) or "(?!)"  # or what matches nothing

    def _weights(self, wc) -> Stage:
        """The stage that makes the weights of a network."""
        trained = "architecture" in self.config["networks"][wc["network"]]
        return self.train if trained else self.imported

    def _network_and_split(self, wc) -> list[str]:
        return [self._weights(wc).key(wc), self.split.key(wc)]

    def _import(self, wc) -> dict:
        entry = self.config["networks"][wc["network"]]
        # Not the path of a file: its content counts, wherever it lies.
        return {k: v for k, v in entry.items() if k != "weights"}

    def import_inputs(self, wildcards) -> dict[str, str]:
        """The file of weights of a network that is not trained here, if it is given as a file."""
        wc = dict(wildcards.items())
        entry = self.config["networks"][wc["network"]]
        return {k: v.format(**wc) for k, v in entry.items() if k == "weights"}

    def _import_upstream(self, wc) -> list[str]:
        entry = self.config["networks"][wc["network"]]
        files = list(self.import_inputs(wc).values())
        if "function" in entry:
            files.append(str(code_file(entry["function"])))
        return [self.images.key(wc), *map(_content, files)]

    def _psnr(self, wc) -> dict:
        return {
            **{k: self.config["psnr"][k] for k in ("input_psnr", "images")},
            "side": wc["side"],
            "N": int(wc["N"]),
            "seed": self._seed("psnr", wc["dataset"]),
        }

    def _samples(self, wc) -> dict:
        # The same noise for every network of a data set, so that their samples can be compared.
        return {**self.config["sampling"], "seed": self._seed("sampling", wc["dataset"])}

    def _eigenbasis(self, wc) -> dict:
        return {**self.config["eigenbasis"], "seed": self._seed("eigenbasis", wc["dataset"])}

    # Figures and summary.

    def figure(self, name: str) -> Stage:
        """The stage that draws the figure `name`."""
        return Stage(
            f"figure_{name}.py",
            lambda wc: self._figure(name, wc),
            lambda wc: [
                STYLE_SHEET.read_text(),
                *(getattr(self, kind).key(job) for kind, job in self._figure_jobs(name, wc)),
            ],
        )

    def figure_inputs(self, name: str) -> Callable:
        """Wildcards -> the stores that the figure is drawn from, by kind."""

        def inputs(wildcards):
            paths = {}
            for kind, job in self._figure_jobs(name, dict(wildcards.items())):
                paths.setdefault(kind, []).append(PATHS[kind].format(**job))
            return paths

        return inputs

    def _figure_jobs(self, name: str, wc: dict) -> list[tuple[str, dict]]:
        """(kind, wildcards) of each store, once, by data set and increasing N."""
        kinds, _, sides = FIGURES[name]
        datasets, sizes = self._shown(name, wc)
        jobs = {}
        for kind, dataset, N, side in itertools.product(kinds, datasets, sizes, sides):
            job = {"dataset": dataset, "network": wc["network"], "N": N, "side": side}
            jobs.setdefault(PATHS[kind].format(**job), (kind, job))
        return list(jobs.values())

    def _shown(self, name: str, wc: dict) -> tuple[list[str], list[int]]:
        """The data sets and sizes that a figure shows."""
        study = self.config["studies"][wc["study"]]
        datasets = [wc["dataset"]] if "dataset" in wc else study["datasets"]
        sizes = sorted(study["sizes"])
        return datasets, sizes if FIGURES[name][1] == "every" else sizes[-1:]

    def _figure(self, name: str, wc: dict) -> dict:
        """What the figure's script and its caption in the report use."""
        kinds = FIGURES[name][0]
        datasets, sizes = self._shown(name, wc)
        values = {"sizes": sizes, "datasets": datasets}
        if "psnr" in kinds:
            values["images"] = self.config["psnr"]["images"]
            values["slope_range"] = self.config["psnr"]["slope_range"]
        if "eigenbasis" in kinds:
            values["sigma"] = self.config["eigenbasis"]["sigma"][0]
            values["precision"] = self.config["eigenbasis"]["precision"]
        if "samples" in kinds:
            values["samples"] = self.config["sampling"]["samples"]
        if name == "patches":
            values["patch"] = self.config["similarity"]["patch"]
        if name == "history":
            recipe = self.config["networks"][wc["network"]]["training"]
            values["batch"] = self.config["trainings"][recipe]["batch"]
        if name == "rates":
            values["alphas"] = [self.config["datasets"][d]["alpha"] for d in datasets]
        return values

    @property
    def studies(self) -> list[str]:
        return self.config["run"] or list(self.config["studies"])

    def _runs(self):
        """(study, job) of every network of the studies."""
        for study in self.studies:
            entry = self.config["studies"][study]
            for dataset, network, N in itertools.product(
                entry["datasets"], entry["networks"], sorted(entry["sizes"])
            ):
                yield study, {"dataset": dataset, "network": network, "N": N, "side": "S1"}

    def _summary_jobs(self):
        """(study, job, kinds) of every row of the summary."""
        for study, job in self._runs():
            entry = self.config["studies"][study]
            largest = job["N"] == max(entry["sizes"])
            shown = [f for f in entry["figures"] if largest or FIGURES[f][1] == "every"]
            drawn_from = {kind for figure in shown for kind in FIGURES[figure][0]}
            kinds = [k for k in ("similarity", "eigenbasis") if k in drawn_from]
            yield study, job, ["psnr", *kinds]

    def _summary(self, wc) -> dict:
        rows = [
            {
                "study": study,
                **{k: job[k] for k in ("dataset", "network", "N")},
                "alpha": self.config["datasets"][job["dataset"]].get("alpha"),
                "stores": {kind: PATHS[kind].format(**job) for kind in kinds},
            }
            for study, job, kinds in self._summary_jobs()
        ]
        return {"rows": rows, "slope_range": self.config["psnr"]["slope_range"]}

    def _summary_upstream(self, wc) -> list[str]:
        return [
            getattr(self, kind).key(job) for _, job, kinds in self._summary_jobs() for kind in kinds
        ]

    def summary_inputs(self, wildcards) -> list[str]:
        """Every store that the summary reads."""
        rows = self._summary({})["rows"]
        return list(dict.fromkeys(path for row in rows for path in row["stores"].values()))

    def figures(self, *names: str) -> list[str]:
        """Paths of the figures of the studies, all or those named, without their endings."""
        return list(
            dict.fromkeys(
                figure_path(figure).format(study=study, **job)
                for study, job in self._runs()
                for figure in self.config["studies"][study]["figures"]
                if not names or figure in names
            )
        )
