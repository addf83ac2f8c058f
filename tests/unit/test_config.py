"""The config is checked whole before any job starts, and every mistake is named."""

import copy

import pytest
import yaml
from conftest import ROOT, TINY
from jsonschema import Draft202012Validator
from study.config import ConfigError, checked, schema
from study.plan import Plan


def changed(path: str, value) -> dict:
    config = copy.deepcopy(TINY)
    *parents, last = path.split(".")
    entry = config
    for name in parents:
        entry = entry[name]
    entry[last] = value
    return config


def test_default_config_is_valid():
    config = checked(yaml.safe_load((ROOT / "config.yaml").read_text()))
    assert Plan(config).drawn()


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
def test_as_many_eigenpairs_as_numbers_in_an_image(gray, pixels):
    folder = {"source": "folder", "path": "somewhere", "side": 8, "gray": gray}
    config = changed("datasets.folder", folder) | {"run": ["pair"]}
    config["studies"]["pair"] |= {"datasets": ["folder"], "figures": ["shrinkage"]}
    config["eigenbasis"] = {"images": [0], "keep": pixels}
    assert checked(config)
    config["eigenbasis"]["keep"] += 1
    with pytest.raises(ConfigError, match=f"eigenbasis.keep: found {pixels + 1}.*{pixels} pixels"):
        checked(config)


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
        ("datasets.calpha.alpha", -1, ["datasets.calpha.alpha", "-1", "minimum"]),
        ("datasets.calpha.source", "celeb", ["datasets.calpha.source", "celeb", "archive, arrays"]),
        ("datasets.calpha.test", 0, ["datasets.calpha.test", "0", "minimum of 1"]),
        ("datasets.disk", {"source": "disks", "side": 8}, ["datasets.disk", "images"]),
        ("datasets.photo-shuffled.of", "fotos", ["photo-shuffled.of", "fotos", "datasets"]),
        ("datasets.my_set", {"source": "shuffled", "of": "photo"}, ["my_set", "must match"]),
        ("denoisers.tiny.architecture", "vit", ["denoisers.tiny.architecture", "vit", "unet"]),
        ("denoisers.tiny.layers", 3, ["denoisers.tiny", "layers"]),
        ("denoisers.tiny.training", "slow", ["denoisers.tiny.training", "slow", "training"]),
        ("denoisers.tiny.blocks", 4, ["studies.pair", "8 pixels", "2^4"]),
        ("training.tiny.images", 10, ["training.tiny", "exactly one of steps"]),
        ("training.tiny.precision", "fp8", ["training.tiny.precision", "fp8", "bf16, fp32"]),
        ("studies.pair.sizes", [1, 26], ["studies.pair.sizes", "26", "60", "2 x 26", "10"]),
        ("studies.pair.sizes", [], ["studies.pair.sizes"]),
        ("studies.pair.sizes", [0], ["studies.pair.sizes.0", "0"]),
        ("studies.pair.figures", ["fig1"], ["studies.pair.figures.0", "fig1", "psnr_curves"]),
        ("studies.pair.datasets", ["calfa"], ["studies.pair.datasets", "did you mean 'calpha'"]),
        ("studies.slopes.datasets", ["disk"], ["studies.slopes.datasets", "calpha", "disks"]),
        ("studies.geometry.datasets", ["photo-shuffled", "photo"], ["studies.geometry", "order"]),
        ("run", ["pears"], ["run", "pears", "did you mean 'pair'"]),
        ("psnr.input_psnr", [1, 2], ["psnr.input_psnr"]),
        ("psnr.slope_range", [10, 11], ["psnr.slope_range", "three"]),
        ("samples.beta", 1.5, ["samples.beta", "1.5", "maximum of 1"]),
        ("eigenbasis.images", [20], ["eigenbasis.images", "20", "photo"]),
        ("samples.sd", 4, ["samples.sd", "4", "sigma_max = 3"]),
        ("datasets.calpha", {"alpha": 2}, ["datasets.calpha", "'source' is a required key"]),
    ],
)
def test_mistakes_are_named(path, value, words):
    with pytest.raises(ConfigError) as error:
        checked(changed(path, value))
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        ("history", ["studies.pair.figures", "'history'", "denoisers.tiny is not trained here"]),
        ("samples", ["studies.pair.figures", "'samples'", "two training sets", "denoisers.tiny"]),
        ("pairs", ["studies.pair.figures", "'pairs'", "two training sets", "denoisers.tiny"]),
    ],
)
def test_figures_that_a_denoiser_trained_elsewhere_cannot_give_are_named(figure, words):
    config = changed("denoisers.tiny", {"function": "conftest:Study", "predicts": "noise"})
    config = config | {"run": ["pair"]}
    config["studies"]["pair"] |= {"sizes": [8], "figures": [figure]}
    with pytest.raises(ConfigError) as error:
        checked(config)
    for word in words:
        assert word in str(error.value)


def test_every_figure_is_drawn_for_every_network():
    config = changed("studies.pair.denoisers", ["tiny", "cnn"])
    for figure in config["studies"]["pair"]["figures"]:
        for network in ("tiny", "cnn"):
            path = f"results/figures/pair/{figure}_calpha_{network}.pdf"
            assert path in Plan(checked(config)).drawn()


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
    ],
)  # fmt: skip
def test_old_names_are_answered_with_the_new_ones(path, value, words):
    with pytest.raises(ConfigError) as error:
        checked(changed(path, value))
    for word in words:
        assert word in str(error.value)


def test_a_study_that_is_not_run_is_not_held_to_what_it_needs():
    assert checked(changed("studies.pair.sizes", [1, 26]) | {"run": ["disks"]})


def test_all_mistakes_are_named_at_once():
    config = changed("sead", 1)
    config["samples"]["beta"] = 2
    with pytest.raises(ConfigError, match=r"(?s)2 mistake.*sead.*beta|2 mistake.*beta.*sead"):
        checked(config)


def _keys(node):
    """Every key that a schema names, with what it says of it."""
    if isinstance(node, dict):
        for name, entry in node.get("properties", {}).items():
            yield name, entry
        for entry in node.values():
            yield from _keys(entry)
    elif isinstance(node, list):
        for entry in node:
            yield from _keys(entry)


def test_schema_describes_every_key():
    Draft202012Validator.check_schema(schema())
    shared = schema()["$defs"]
    undescribed = [
        name
        for name, entry in _keys(schema())
        if not {"description", "const"} & (entry | shared.get(entry.get("$ref", "")[8:], {})).keys()
    ]
    assert undescribed == []


def over_the_default(name: str) -> dict:
    """A config of the project as snakemake lays it over config.yaml, checked."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    for section, value in yaml.safe_load((ROOT / name).read_text()).items():
        both = isinstance(value, dict) and section in config
        config[section] = config[section] | value if both else value
    return checked(config)


def test_the_papers_study_keeps_the_papers_recipe_start_and_sampler():
    config = over_the_default("config.paper.yaml")
    for denoiser in ("unet-80", "bfcnn-80", "unet-40", "bfcnn-40"):
        recipe = config["training"][config["denoisers"][denoiser]["training"]]
        assert (recipe["loss"], recipe["noise"], recipe["optimizer"]) == (
            "squared",
            "squared",
            "adam",
        )
        assert (recipe["batch"], recipe["learning_rate"], recipe["schedule"]) == (
            512,
            1e-3,
            "halving",
        )
    samples = config["samples"]
    assert (samples["start"], samples["sampler"], samples["h0"]) == ("paper", "ascent", 0.01)


@pytest.mark.parametrize("name", ["bfcnn", "slopes_long", "seeds"])
def test_configs_of_the_gallery_are_valid(name):
    assert Plan(over_the_default(f"docs/gallery/{name}.yaml")).drawn()
