"""The whole config is checked before any job starts, and every mistake is named."""

import copy
import dataclasses
import json
import math
import re

import pytest
import yaml
from configs import EVERY_KIND as TINY
from conftest import ROOT, laid_over, over_the_default
from gahb.training.recipe import Recipe
from jsonschema import Draft202012Validator
from study import figures, fingerprint
from study.config import ConfigError, checked
from study.config.base import Entry
from study.stages import STAGES
from study.stages.analyses import PAIRS, of_pair
from study.stages.figures import rows, summarized
from study.written import mistakes_in


def changed(path: str, value) -> dict:
    config = copy.deepcopy(TINY)
    *parents, last = path.split(".")
    entry = config
    for name in parents:
        entry = entry[name]
    entry[last] = value
    return config


FOLDER = {"source": "folder", "path": "pictures", "side": 16}
ARRAYS = {"source": "arrays", "path": "a.npz"}


def assert_refused(config: dict, words) -> None:
    """Assert that the config is refused, with all these words."""
    with pytest.raises(ConfigError) as error:
        checked(config)
    assert [word for word in words if word not in str(error.value)] == [], error.value


def test_default_config_is_valid():
    config = checked(yaml.safe_load((ROOT / "config.yaml").read_text()))
    assert figures.drawn(config)


def test_defaults_are_filled_in():
    config = checked(TINY)
    assert config["seed"] == 0
    assert config["training"]["tiny"]["schedule"] == "cosine"
    assert config["denoisers"]["cnn"]["layers"] == 4
    assert config["datasets"]["photo"]["scales"] == [0.5]


def test_a_folder_whose_images_tell_their_side_is_valid():
    folder = {"source": "folder", "path": "somewhere"}
    config = changed("datasets.folder", folder)
    config["studies"]["pair"]["datasets"] = ["folder"]
    assert checked(config)["datasets"]["folder"]["side"] is None


@pytest.mark.parametrize(("gray", "pixels"), [("mean", 64), (None, 192)])
def test_there_are_at_most_as_many_eigenpairs_as_numbers_in_an_image(gray, pixels):
    folder = {"source": "folder", "path": "somewhere", "side": 8, "gray": gray}
    config = changed("datasets.folder", folder) | {"run": ["pair"]}
    config["studies"]["pair"] |= {"datasets": ["folder"], "figures": ["shrinkage"]}
    config["eigenbasis"] = {"images": [0], "keep": pixels}
    assert checked(config)
    config["eigenbasis"]["keep"] += 1
    with pytest.raises(ConfigError, match=f"eigenbasis.keep: found {pixels + 1}.*{pixels} pixels"):
        checked(config)


def test_the_defaults_of_training_are_those_of_the_library():
    recipe, library = checked(TINY)["training"]["tiny"], Recipe(60, 8, 0.01)
    assert recipe == recipe | dataclasses.asdict(library)


def test_a_key_without_a_default_stays_absent_and_numbers_stay_as_written():
    config = checked(changed("denoisers.watched.gain", None))["denoisers"]
    assert config["watched"]["gain"] is None and "gain" not in config["cnn"]
    assert config["memorizer"] == {"reference": "memorizer"}
    assert json.dumps(config["optimum"]["psnr"]["input_psnr"]) == "[10, 15, 20]"
    config = checked(changed("training.tiny.steps", 1.0e3))  # as read by YAML
    assert json.dumps(config["training"]["tiny"]["steps"]) == "1000"


def test_checking_leaves_its_argument_alone():
    config = copy.deepcopy(TINY)
    checked(config)
    assert config == TINY


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("sead", 1, ["top level", "sead", "did you mean 'seed'"]),
        ("datasets.calpha.alfa", 1, ["datasets.calpha", "alfa", "did you mean 'alpha'"]),
        ("datasets.calpha.alpha", "two", ["datasets.calpha.alpha", "'two'", "number"]),
        ("datasets.calpha.alpha", -1, ["datasets.calpha.alpha", "-1", "above 0"]),
        ("datasets.calpha.source", "celeb", ["datasets.calpha.source", "celeb", "archive, arrays"]),
        ("datasets.calpha.test", 1, ["datasets.calpha.test", "1", "at least two"]),
        ("datasets.disk", {"source": "disks", "side": 8}, ["datasets.disk", "images"]),
        ("datasets.photo-shuffled.of", "fotos", ["photo-shuffled.of", "fotos", "datasets"]),
        ("datasets.my_set", {"source": "shuffled", "of": "photo"}, ["my_set", "letters, digits"]),
        ("datasets.mine", FOLDER | {"crop": "middle"}, ["mine.crop", "middle", "center"]),
        ("datasets.mine", FOLDER | {"crop": {"rows": [1]}}, ["mine.crop", "rows"]),
        ("datasets.mine", FOLDER | {"gray": "green"}, ["mine.gray", "green", "mean, luma"]),
        ("datasets.mine", FOLDER | {"patches": {"stride": 4}, "side": None}, ["side", "patches"]),
        ("datasets.mine", FOLDER | {"duplicates": 1}, ["mine.duplicates", "1"]),
        ("datasets.mine", FOLDER | {"unreadable": "ignore"}, ["mine.unreadable", "refuse, skip"]),
        ("datasets.mine", FOLDER | {"path": "https://a.b/c"}, ["path", "a folder is not a single"]),
        ("datasets.mine", ARRAYS | {"path": "https://a.b/c.npz"}, ["mine.sha256: not given"]),
        ("datasets.mine", ARRAYS | {"sha256": 64 * "0"}, ["sha256: is for a file from a URL"]),
        ("datasets.mine", ARRAYS | {"sha256": "1234"}, ["mine.sha256: found '1234'"]),
        ("studies.my set", {}, ["studies: found 'my set'; a name has letters, digits, dots"]),
        ("studies.figures", {}, ["studies: found 'figures'; is taken"]),
        ("denoisers.tiny.architecture", "vit", ["denoisers.tiny.architecture", "vit", "unet"]),
        ("denoisers.tiny.layers", 3, ["denoisers.tiny", "layers"]),
        ("denoisers.tiny.training", "slow", ["denoisers.tiny.training", "slow", "training"]),
        ("denoisers.tiny.blocks", 4, ["studies.pair", "8 pixels", "2^4"]),
        ("training.tiny.images", 10, ["training.tiny", "exactly one of steps"]),
        ("training.tiny.microbatch", 3, ["training.tiny.microbatch", "3", "batch of 8"]),
        ("training.tiny.gpus", 1, ["training.tiny: unknown key 'gpus', which was removed: "]),
        ("eigenbasis.svd", False, ["eigenbasis: unknown key 'svd', which was removed: "]),
        ("training.constant.snapshots", False, ["training.constant.snapshots", "'dynamics'"]),
        ("training.constant.schedule", "linear", ["training.constant.schedule", "constant"]),
        ("dynamics.steps", 1, ["dynamics.steps", "1", "at least 2"]),
        ("training.tiny.precision", "fp8", ["training.tiny.precision", "fp8", "bf16, fp32"]),
        ("studies.pair.sizes", [1, 26], ["studies.pair.sizes", "26", "60", "2 x 26", "10"]),
        ("studies.pair.sizes", [], ["studies.pair.sizes"]),
        ("studies.pair.ceiling", [8, 9], ["studies.pair.ceiling.1", "9", "not one of sizes"]),
        ("studies.pair.ceiling", "yes", ["studies.pair.ceiling", "'yes'"]),
        ("studies.pair.figures", ["fig1"], ["studies.pair.figures.0", "fig1", "psnr_curves"]),
        ("studies.pair.datasets", ["calfa"], ["studies.pair.datasets", "did you mean 'calpha'"]),
        ("studies.slopes.datasets", ["disk"], ["studies.slopes.datasets", "calpha", "disks"]),
        ("studies.geometry.datasets", ["photo-shuffled", "photo"], ["studies.geometry", "order"]),
        ("run", [], ["run: found []", "not be empty"]),
        ("seed", True, ["seed: found True; must be an integer"]),
        ("training.tiny.learning_rate", math.inf, ["found inf; must be a finite number"]),
        ("samples", None, ["samples: found None; must be a mapping of keys"]),
        ("studies.pair.sizes", [1, 1], ["studies.pair.sizes: found [1, 1]; has the same entry"]),
        ("psnr.input_psnr", [0, 10, 5], ["psnr.input_psnr: found [0, 10, 5]; must increase"]),
        ("run", ["pears"], ["run", "pears", "did you mean 'pair'"]),
        ("psnr.input_psnr", [1, 2], ["psnr.input_psnr"]),
        ("psnr.slope_range", [10, 11], ["psnr.slope_range", "three"]),
        ("density.input_psnr", [20, 10], ["density.input_psnr", "[20, 10]", "must increase"]),
        ("density.intervals", 6, ["density.intervals", "6", "multiple of 4"]),
        ("samples.beta", 1.5, ["samples.beta", "1.5", "at most 1"]),
        ("eigenbasis.images", [20], ["eigenbasis.images", "20", "photo"]),
        ("samples.sd", 4, ["samples.sd", "4", "sigma_max = 3"]),
        ("datasets.calpha", {"alpha": 2}, ["datasets.calpha", "'source' is a required key"]),
        ("datasets.gauss.of", "mixed", ["gauss.of", "'mixed', itself made from another"]),
        ("datasets.gauss.beta", 2, ["datasets.gauss", "either `beta` and `side`, or `of`"]),
        ("datasets.gauss", {"source": "gaussian", "beta": 2, "images": 40}, ["gauss", "`side`"]),
        ("datasets.mixed.templates", 0, ["datasets.mixed.templates", "at least 1"]),
        ("studies.geometry.references", ["optimum"], ["optimum is known for", "photographs"]),
        ("studies.truths.denoisers", ["optimum"], ["studies.truths", "name it in `references`"]),
        ("denoisers.optimum.contour", "known", ["optimum.contour", "has gaussian images"]),
        ("denoisers.optimum.psnr.input_psnr", [10, 12, 15, 20], ["optimum.psnr", "found 12"]),
        ("denoisers.optimum.psnr.input_psnr", [0, 10, 15], ["optimum.psnr", "at least three"]),
        ("denoisers.optimum.psnr.seed", 1, ["denoisers.optimum.psnr", "seed"]),
        ("denoisers.own", {"reference": "locel"}, ["'locel'; did you mean 'local'?"]),
        ("denoisers.own", {"reference": "local"}, ["'window' is a required key", "'calibrated'"]),
        (
            "denoisers.own",
            {"reference": "local", "window": 4},
            ["own.window: found 4", "must be odd"],
        ),
        ("denoisers.own", {"reference": "flexible"}, ["'calibrated' is a required key"]),
        ("denoisers.own", {"reference": "flexible", "window": 3}, ["unknown key 'window'"]),
        ("denoisers.own", {"reference": "own"}, ["'closed_form' is a required key of own"]),
        ("denoisers.own", {"reference": "local", "calibrated": "tini"}, ["did you mean 'tiny'"]),
        ("denoisers.own", {"reference": "local", "calibrated": "wiener"}, ["name a network"]),
        ("denoisers.own", {"reference": "local", "window": 3, "calibrated": "tiny"}, ["'window'"]),
        ("agreement", {"count": 9}, ["seeds: rough has 10 test images", "require 11 different"]),
        ("calibration.windows", [3, 4], ["calibration.windows.1: found 4", "must be odd"]),
    ],
)
def test_mistakes_are_named(path, value, words):
    assert_refused(changed(path, value), words)


def test_a_cut_off_below_the_trained_noise_levels_is_refused():
    config = changed("density.input_psnr", [0, 50])
    checked(config)
    config["training"]["tiny"]["noise"] = "mixed"
    words = ("density.input_psnr", "50 dB", "sigma = 0.0032", "tiny", "0.005", "46.02 dB")
    assert_refused(config, words)


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        ("likelihood", ["studies.pair.figures", "'likelihood'", "two training sets"]),
        ("history", ["studies.pair.figures", "'history'", "denoisers.tiny is not trained here"]),
        ("pairs", ["studies.pair.figures", "'pairs'", "two training sets", "denoisers.tiny"]),
    ],
)
def test_figures_that_a_denoiser_trained_elsewhere_cannot_give_are_named(figure, words):
    config = changed("denoisers.tiny", {"function": "conftest:Study", "predicts": "noise"})
    config["studies"]["pair"] |= {"sizes": [8], "figures": [figure]}
    assert_refused(config | {"run": ["pair"]}, words)


def test_a_folder_with_too_few_files_is_named(tmp_path):
    for i in range(12):
        (tmp_path / f"{i}.{'JPG' if i % 2 else 'jpg'}").touch()
        (tmp_path / f"{i}.txt").touch()
    folder = {"source": "folder", "path": str(tmp_path), "match": "*.jpg", "test": 4}
    config = changed("datasets.mine", folder) | {"run": ["pair"]}
    config["studies"]["pair"] |= {"datasets": ["mine"], "sizes": [4]}
    assert checked(config)
    config["studies"]["pair"]["sizes"] = [5]
    with pytest.raises(ConfigError, match="sizes: found 5; mine has 12 images, too few for 2 x 5"):
        checked(config)


@pytest.mark.parametrize(
    ("denoiser", "changes", "words"),
    [
        ("own", {}, []),
        ("tiny", {}, ["denoisers: found 'tiny', which needs training images"]),
        ("own", {"references": ["wiener"]}, ["found 'wiener', which needs training images"]),
        ("own", {"figures": ["agreement"]}, ["'agreement', which needs", "`test: all`"]),
    ],
)  # fmt: skip
def test_networks_from_elsewhere_can_be_studied_without_training_images(denoiser, changes, words):
    config = changed("datasets.disk.test", "all") | {"run": ["looked-at"]}
    config["denoisers"]["own"] = {"function": "torch.nn:Identity", "predicts": "noise"}
    config["studies"]["looked-at"] = {
        "datasets": ["disk"], "denoisers": [denoiser], "sizes": [8],
        "figures": ["psnr_curves", "shrinkage", "dimension"],
    } | changes  # fmt: skip
    if words:
        assert_refused(config, words)
    else:
        job = {"dataset": "disk", "denoiser": "own", "subset": "S1", "N": "8", "seed": "0"}
        assert STAGES["psnr"].values(checked(config), job)["sets"] == ["test"]


def test_groups_of_test_images_alone_are_refused(tmp_path):
    folder = {"source": "folder", "path": str(tmp_path), "groups": "folder", "test": "all"}
    with pytest.raises(ConfigError, match=r"datasets.mine.groups: there is nothing to divide"):
        checked(changed("datasets.mine", folder))


def test_the_seed_changes_images_only_where_some_are_drawn(tmp_path):
    def values(**changes):
        folder = {"source": "folder", "path": str(tmp_path), **changes}
        config = changed("datasets.mine", folder)
        found = []
        for seed in (0, 1):
            whole = checked(config | {"seed": seed})
            found.append(STAGES["images"].values(whole, {"dataset": "mine"}))
        return found

    all_of_it, drawn = values(), values(images=5)
    assert all_of_it[0] == all_of_it[1]
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize(
    ("denoiser", "pairs"),
    [
        ({"function": "torch.nn:Identity", "predicts": "noise"}, {"single"}),
        ({"weights": "net.pt"}, {"single"}),
        ({"weights": "{subset}-{N}.pt"}, {"disjoint", "single"}),
        ({"reference": "wiener"}, {"disjoint", "single"}),
        (TINY["denoisers"]["tiny"], {"disjoint", "same", "single"}),
    ],
)
def test_a_denoiser_is_compared_with_another_one_alone(denoiser, pairs):
    config = checked(changed("denoisers.own", denoiser))
    for pair in PAIRS:
        job = {"dataset": "calpha", "N": "8", "denoiser": "own", "seed": "0", "pair": pair}
        if pair in pairs:
            read = {(network["subset"], network["seed"]) for network in of_pair(config, job)}
            assert len(read) == len(PAIRS[pair])
        else:
            with pytest.raises(ValueError, match=r"denoisers\.own is one denoiser"):
                of_pair(config, job)


def test_a_figure_of_one_network_needs_nothing_of_a_second_one():
    config = changed("denoisers.own", {"function": "torch.nn:Identity", "predicts": "noise"})
    # As many as there are; a pair could have 25 each.
    config["studies"]["pair"] |= {"denoisers": ["own"], "sizes": [50],
                                  "figures": ["samples", "patches"]}  # fmt: skip
    config = checked(config | {"run": ["pair"]})
    for figure in ("samples", "patches"):
        job = {"study": "pair", "of": "calpha_own"}
        found = figures.stores(config, job, figures.declared()[figure])
        assert [j["pair"] for j in found["similarity"]] == ["single"]
        assert [j["subset"] for j in found["samples"]] == ["S1"]
    (stores,) = (stores for _, stores in rows(config))
    assert [j["pair"] for j in stores["similarity"]] == ["single"] and "ceiling" not in stores


def test_a_ceiling_may_be_requested_for_some_sizes_only():
    config = changed("studies.pair.sizes", [4, 8])
    config["studies"]["pair"]["ceiling"] = [8]
    config = checked(config)
    assert [figures.has_ceiling(config, "pair", "tiny", N) for N in (4, 8)] == [False, True]
    assert not figures.has_ceiling(config, "pair", "wiener", 8)


@pytest.mark.parametrize(
    ("path", "value", "stage"),
    [
        ("similarity", {"embedding": "mine:form"}, "similarity"),
        ("denoisers.mine", {"reference": "own", "closed_form": "mine:form"}, "reference"),
        ("denoisers.mine", {"function": "mine:form", "predicts": "denoised"}, "imported"),
    ],
)
def test_missing_user_code_is_named_and_existing_code_counts(
    tmp_path, monkeypatch, path, value, stage
):
    monkeypatch.chdir(tmp_path)
    config = changed(path, value)
    with pytest.raises(ConfigError, match=rf"{path}\.\w+: found 'mine:form'; no such"):
        checked(config)
    job = {"dataset": "calpha", "denoiser": "tiny" if stage == "similarity" else "mine",
           "subset": "S1", "pair": "disjoint", "N": "8", "seed": "0"}  # fmt: skip
    codes = set()
    for text in ("raise RuntimeError('imported')", "def form(): return 1"):
        (tmp_path / "mine.py").write_text(text)
        fingerprint._read.cache_clear()  # a run reads a file once
        fingerprint.content.cache_clear()
        made = STAGES[stage]
        codes.add(f"{made.values(checked(config), job)} {made.code(checked(config), job)}")
    assert len(codes) == 2 and all("mine:form" in code for code in codes)


def test_every_figure_is_drawn_for_every_network():
    config = changed("studies.pair.denoisers", ["tiny", "cnn"])
    for figure in config["studies"]["pair"]["figures"]:
        for network in ("tiny", "cnn"):
            assert f"pair/{figure}_calpha_{network}" in figures.drawn(checked(config))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("networks", {}, ["the top level", "'networks', which is now called 'denoisers'"]),
        ("trainings", {}, ["'trainings', which is now called 'training'"]),
        ("sampling", {}, ["'sampling', which is now called 'samples'"]),
        ("training.tiny.rate", 0.1, ["'rate', which is now called 'learning_rate'"]),
        ("samples.samples", 3, ["samples: ", "'samples', which is now called 'count'"]),
        ("samples.snapshots", [1], ["samples: ", "'snapshots', which is now called 'levels'"]),
        ("psnr.images", 3, ["psnr: ", "'images', which is now called 'count'"]),
        ("studies.pair.networks", [], ["studies.pair", "which is now called 'denoisers'"]),
        ("studies.slopes.figures", ["rates"], ["'rates', which is now called 'slopes'"]),
        ("studies.pair.figures", ["shuffled"], ["'shuffled', which is now called 'geometry'"]),
        ("denoisers.optimum.reference", "optimal", ["which is now called 'optimum'"]),
    ],
)  # fmt: skip
def test_errors_about_old_names_give_the_new_ones(path, value, words):
    assert_refused(changed(path, value), words)


def test_the_optimum_is_computed_for_the_largest_size_only():
    """It is the same for all sizes, and its code depends on its source."""
    config = changed("studies.truths.sizes", [2, 4, 8])
    config = checked(config)
    (job,) = (
        job
        for job in summarized(config)["psnr"]
        if job["denoiser"] == "optimum" and job["dataset"] == "mixed"
    )
    assert job["N"] == 8
    assert STAGES["psnr"].imports(config, job)[-1] == "gahb.denoisers.optima.mixture"
    assert STAGES["psnr"].values(config, job)["sets"] == ["test"]
    assert STAGES["psnr"].values(config, job)["count"] == 4
    distribution = STAGES["reference"].values(config, job)["distribution"]
    assert distribution == {"source": "mixture", "of": "disk", "templates": 3, "sd": 0.1}
    wiener = STAGES["reference"].values(config, job | {"denoiser": "wiener"})
    assert "distribution" not in wiener


def test_a_study_that_is_not_run_need_not_be_complete():
    assert checked(changed("studies.pair.sizes", [1, 26]) | {"run": ["disks"]})


@pytest.mark.parametrize("psnr", [
    {"input_psnr": [0, 12, 16, 20]}, {"slope_range": [0, 8]},
    {"input_psnr": [1, 2, 3], "slope_range": [1, 3]},
])  # fmt: skip
def test_unused_entries_are_not_checked_against_the_users_settings(psnr):
    """config.yaml has an optimum with its own levels, and underlies every user's config."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text()) | {"psnr": psnr}
    assert_refused(config, ["denoisers.optimum.psnr.input_psnr"])
    mine = {"datasets": ["disks"], "denoisers": ["unet"], "sizes": [9], "figures": ["psnr_curves"]}
    config["studies"] |= {"mine": mine}
    assert checked(config | {"run": ["mine"]})
    mine["references"] = ["optimum"]
    assert_refused(config | {"run": ["mine"]}, ["denoisers.optimum.psnr.input_psnr"])


def test_a_matrix_compares_only_samples_from_the_same_starts():
    own = {"function": "torch.nn:Identity", "predicts": "noise"}
    study = TINY["studies"]["closed-forms"]
    study = study | {"references": ["own"], "figures": ["matrix"]}
    for more, accepted in (({}, True), ({"samples": {"sd": 0.7}}, False)):
        config = changed("denoisers.own", own | more) | {"run": ["closed-forms"]}
        config["studies"] = config["studies"] | {"closed-forms": study}
        if accepted:
            checked(config)
        else:
            assert_refused(config, ["closed-forms.references", "'own'", "the same starts"])


def test_all_mistakes_are_named_at_once():
    config = changed("sead", 1)
    config["samples"]["beta"] = 2
    with pytest.raises(ConfigError, match=r"(?s)2 mistake.*sead.*beta|2 mistake.*beta.*sead"):
        checked(config)


def test_every_key_has_a_meaning():
    entries = [Entry]
    for entry in entries:  # grows
        entries += entry.__subclasses__()
    assert len(entries) > 40
    for entry in entries:
        assert entry.__doc__, entry
        for name, field in entry.model_fields.items():
            tag_or_section = name in ("source", "architecture") or field.annotation in entries
            assert field.description or tag_or_section, (entry, name)


@pytest.mark.parametrize("name", ["config.yaml", "studies/paper.yaml", "studies/phase.yaml"])
def test_the_schema_for_editors_accepts_only_valid_configs(name):
    schema = json.loads((ROOT / "workflow/schemas/config.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    config = yaml.safe_load((ROOT / name).read_text())
    assert [*validator.iter_errors(config)] == []
    wrong = {"sead": 1, "psnr": {"count": 0}, "datasets": {"x": {"source": "disks"}}}
    assert len([*validator.iter_errors(config | wrong)]) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("training: {tiny: {steps: 9, learning_rate: 1e-3}}", "'1e-3'; must be a number; "
         "YAML needs 1.0e-3"),
        ("training: {tiny: {steps: 1E3}}", r"'1E3'; must be an integer; YAML needs 1.0e\+3"),
        ("studies: {2024: {}}", "studies: found 2024; must be text; .* needs quotes"),
        ("studies: {on: {}}", "studies: found True; must be text; .* needs quotes"),
        ("run: [2024-01-01]", r"run.0: found datetime.date\(2024, 1, 1\); .* needs quotes"),
        ("training: {tiny: {steps: 9, epochs: 2}}", "tiny: found steps and epochs; give exactly"),
        ("training: {tiny: {batch: 9}}", "tiny: found none of them; give exactly one of"),
    ],
)  # fmt: skip
def test_values_that_yaml_misreads_are_explained(text, words):
    with pytest.raises(ConfigError, match=words):
        checked(TINY | yaml.safe_load(text))


def test_the_suggestion_among_similar_names_starts_alike(tmp_path):
    config = changed("datasets.mine", {"source": "folder", "path": str(tmp_path), "matches": "*"})
    with pytest.raises(ConfigError, match="'matches'; did you mean 'match'"):
        checked(config)


def test_entries_that_yaml_drops_are_named_with_their_line(tmp_path):
    """YAML keeps the last of two entries with one name; replacing a merged key is no repetition."""
    text = "a: &a {x: 1, y: 1}\nb: {<<: *a, x: 2}\nc: {x: 1, x: 2}\nd: [{y: 1}, {y: 1}]\na: {}\n"
    (tmp_path / "mine.yaml").write_text(text)
    assert mistakes_in([tmp_path / "mine.yaml", tmp_path / "none"]) == [
        f"{tmp_path}/mine.yaml, line 3: a second entry 'x'; the first is in line 3",
        f"{tmp_path}/mine.yaml, line 5: a second entry 'a'; the first is in line 1",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"a: 1\nb: {c: 2\nd: 3\n", "mine.yaml, line 3, column 2: is not valid YAML: expected ','"),
        (b"a: 1\nb: c: d\n", "line 2, column 5: is not valid YAML: .*; text with a colon"),
        (b"a:\n\tb: 1\n", "mine.yaml, line 2, column 1: is not valid YAML"),
        (b"a: \xe9\n", "mine.yaml: is not UTF-8 text"),
    ],
)
def test_invalid_yaml_is_named_with_its_line(tmp_path, text, words):
    (tmp_path / "mine.yaml").write_bytes(text)
    (found,) = mistakes_in([tmp_path / "mine.yaml"])
    assert re.search(words, found)


def test_json_with_tabs_is_a_config(tmp_path):
    (tmp_path / "mine.json").write_text('{"a":\n\t{"b": 1}}')
    assert mistakes_in([tmp_path / "mine.json"]) == []


def test_the_papers_study_keeps_the_papers_recipe_start_and_sampler():
    config = over_the_default("studies/paper.yaml")
    for denoiser in ("unet-80", "bfcnn-80", "unet-40", "bfcnn-40"):
        recipe = config["training"][config["denoisers"][denoiser]["training"]]
        paper = {"loss": "squared", "noise": "squared", "optimizer": "adam", "batch": 512,
                 "learning_rate": 1e-3, "schedule": "halving"}  # fmt: skip
        assert recipe == recipe | paper
    samples = config["samples"]
    assert (samples["start"], samples["sampler"], samples["h0"]) == ("paper", "ascent", 0.01)


@pytest.mark.parametrize("file", sorted(path.name for path in (ROOT / "studies").glob("*.yaml")))
def test_studies_are_valid(file):
    assert figures.drawn(over_the_default(f"studies/{file}"))


STUDIES = (ROOT / "studies" / "README.md").read_text()


@pytest.mark.parametrize("row", re.findall(r"^\| .*_unet.*|^\| .*_bfcnn.*", STUDIES, re.M))
def test_paths_of_figures_in_the_table_of_studies_are_drawn(row):
    _, _, study, paths, *_ = row.split("|")
    files = re.findall(r"\((\w+\.yaml)\)", study)
    drawn = figures.drawn(over_the_default(*(f"studies/{file}" for file in files)))
    found = re.findall(r"`(?:…/)?(.*?)…?`", paths)
    assert found and all(any(path in name for name in drawn) for path in found), (found, drawn)


def test_the_authors_networks_are_a_valid_study(tmp_path, monkeypatch):
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", STUDIES, re.M | re.S)
    (tmp_path / "nets").mkdir()
    for subset in ("S1", "S2"):
        (tmp_path / "nets" / f"{subset}.pt").touch()
    monkeypatch.chdir(tmp_path)
    drawn = figures.drawn(laid_over(yaml.safe_load(example)))
    assert {name.rpartition("/")[2].partition("_")[0] for name in drawn} == {
        "psnr", "samples", "shrinkage", "eigenbasis"
    }  # fmt: skip
