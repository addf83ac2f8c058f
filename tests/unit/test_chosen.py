"""Images chosen for training and testing, and samples drawn elsewhere."""

import copy
import itertools
import re

import numpy as np
import pytest
import scripts.drawn
import scripts.images
import scripts.similarity
import scripts.split
import xarray as xr
from configs import EVERY_KIND as TINY
from gahb import store
from gahb.chosen import ChoiceError, chosen, read
from gahb.datasets.base import ImageError
from gahb.split import TooFewImages, around
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from study import figures
from study.config import ConfigError, checked
from study.stages import STAGES
from study.stages.figures import rows

NAMES = ["a/1.png", "a/2.png", "b/1.png", "b/2.png"]


def write(path, text) -> str:
    path.write_text(text)
    return str(path)


def test_a_list_keeps_its_order_and_a_pattern_the_order_of_names(tmp_path):
    table = write(tmp_path / "a.csv", "more,name\nx,b/2.png\ny,a/1.png\n")
    lines = write(tmp_path / "a.txt", "b/2.png\r\na/1.png\n\n")
    assert chosen(NAMES, table) == chosen(NAMES, lines) == [3, 0]
    assert chosen(NAMES, "b/*") == [2, 3] and chosen(NAMES, "*") == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.txt", "a/1.png\nc.png\n", r"names 'c.png', which is no image \(1 unknown names of 2\)"),
        ("a.txt", "a/1.png\na/1.png\n", "names 'a/1.png' twice"),
        ("a.csv", "file\na/1.png\n", "its first line is 'file'; it needs a column name"),
        ("a.csv", "", "needs a column name"),
        ("a.txt", "\n", "names no image"),
    ],
)
def test_lists_that_are_refused(tmp_path, name, text, words):
    with pytest.raises(ChoiceError, match=words):
        chosen(NAMES, write(tmp_path / name, text))


def test_ambiguous_names_are_refused(tmp_path):
    with pytest.raises(ChoiceError, match=r"'c/\*', which matches none of 4 names"):
        chosen(NAMES, "c/*")
    with pytest.raises(ChoiceError, match=r"'b/1.png', which is the name of several images"):
        chosen([*NAMES, "b/1.png"], write(tmp_path / "a.txt", "b/1.png"))
    with pytest.raises(ChoiceError, match="cannot be read as a list"):
        read(str(tmp_path / "none.txt"))


@given(
    count=st.integers(8, 40), size=st.integers(1, 4), test=st.integers(0, 3), seed=st.integers(0, 9)
)
def test_chosen_images_are_used_and_the_rest_is_drawn_from_the_others(count, size, test, seed):
    rng = np.random.default_rng(seed)
    first, second = rng.permutation(count)[: 2 * size].reshape(2, size)
    found = around(count, {"S1": first}, test, seed)
    assert found.S1.tolist() == first.tolist() and len(found.S2) == 0
    assert len(found.test) == test and not np.isin(found.test, first).any()
    found = around(count, {"S1": first, "S2": second}, 0, seed)
    assert found.S2.tolist() == second.tolist() and len(found.test) == 0
    # Only test images are chosen: networks have the others.
    found = around(count, {"test": first}, 99, seed)
    assert found.test.tolist() == first.tolist()
    assert sorted([*found.S1, *first]) == list(range(count))
    assert len(found.S2) == (count - size) // 2


def test_near_duplicates_of_chosen_images_are_never_held_out():
    """0 and 1 are alike, and 2 and 3; in the order of the store 1 and 3 are dropped."""
    dropped, kept = np.array([1, 3]), np.array([0, 2])
    for seed in range(20):
        found = around(8, {"S1": np.array([1, 0])}, 3, seed, dropped, kept)
        assert found.S1.tolist() == [1, 0]  # reported by `redundancy`, not dropped
        found = around(8, {"S1": np.array([3])}, 3, seed, dropped, kept)
        assert not {1, 2, 3} & {*found.test.tolist()}
    with pytest.raises(TooFewImages, match=r"of 8 images 5 are neither .* test set of 6"):
        around(8, {"S1": np.array([3])}, 6, 0, dropped, kept)


# From files to the split.


def folder(path, values, side=8):
    """Gray images with a bright corner, so that none is blank, named by their gray level."""
    path.mkdir(parents=True)
    for value in values:
        pixels = np.full((side, side), value, np.uint8)
        pixels[: side // 2, : value % side + 1] = 255
        Image.fromarray(pixels).save(path / f"{value:03}.png")
    return str(path)


def made(tmp_path, places=(), lists=(), **how):
    """images.zarr and split.zarr of a folder of ten images."""
    images, split = (str(tmp_path / f"{name}.zarr") for name in ("images", "split"))
    scripts.images.main(
        images, [], source="folder", path=folder(tmp_path / "main", range(10)),
        places=dict(places), gray="mean",
    )  # fmt: skip
    scripts.split.main(images, [], [], split, lists=lists, seed=0, **how)
    return store.open_store(images), store.open_store(split)


def test_images_in_a_place_of_their_own(tmp_path):
    """Larger ones are resized like the others only if the data set says so; arrays may join."""
    others = folder(tmp_path / "others", range(100, 103))
    np.save(tmp_path / "more.npy", np.full((2, 8, 8), 0.5, np.float32))
    images, split = made(
        tmp_path, {"train": str(tmp_path / "more.npy"), "held_out": others}, test=0,
        chosen={"S1": {"place": "train"}, "test": {"place": "held_out"}},
    )  # fmt: skip
    assert images.part.values.tolist() == [""] * 10 + ["train"] * 2 + ["held_out"] * 3
    assert split.S1.values.tolist() == [10, 11] and split.test.values.tolist() == [12, 13, 14]
    assert images.images.dtype == np.float32 and (images.images[10:12] == 0.5).all()
    np.testing.assert_allclose(images.images[12:, 0, -1, -1], np.arange(100, 103) / 255)
    assert images.file.values[12] == "100.png" and not split.sizes["member_S2"]


def test_a_place_of_other_images_is_refused(tmp_path):
    others = folder(tmp_path / "others", range(3), side=16)
    with pytest.raises(ImageError, match=r"others: has 16 x 16 pixels .* but main has 8 x 8"):
        made(tmp_path, {"train": others}, test=0, chosen={"S1": {"place": "train"}})


def test_a_list_and_a_pattern_divide_a_data_set(tmp_path):
    named = write(tmp_path / "train.txt", "007.png\n003.png\n")
    by = {"S1": {"list": "its hash"}, "test": {"match": "00[01].png"}}
    images, split = made(tmp_path, lists=[named], test=0, chosen=by)
    assert images.file.values[split.S1.values].tolist() == ["007.png", "003.png"]
    assert split.test.values.tolist() == [0, 1]
    both = by | {"test": {"match": "00[37].png"}}
    with pytest.raises(ChoiceError, match=r"'003.png' is chosen for S1 and for test"):
        scripts.split.main(
            str(tmp_path / "images.zarr"), [], [], str(tmp_path / "split.zarr"), lists=[named],
            test=0, seed=0, chosen=both,
        )  # fmt: skip


# In the config.


def config(tmp_path, denoiser, dataset, sizes="all", drawn=("verdict",), **more):
    for name, values in {"photos": range(6), "others": range(20, 26)}.items():
        if not (tmp_path / name).exists():
            folder(tmp_path / name, values)
    found = copy.deepcopy(TINY) | {"run": ["mine"]} | more
    found["datasets"]["mine"] = {"source": "folder", "path": str(tmp_path / "photos")} | dataset
    found["denoisers"]["own"] = denoiser
    found["studies"]["mine"] = {
        "datasets": ["mine"], "denoisers": ["own"], "sizes": sizes, "figures": list(drawn)
    }  # fmt: skip
    return found


FUNCTION = {"function": "torch.nn:Identity", "predicts": "noise"}
NONE = {"train": "*", "held_out": None}


@pytest.mark.parametrize(
    ("denoiser", "dataset", "more", "words"),
    [
        (FUNCTION, {"test": 2}, {"sizes": [3]}, ["which images was it trained on? give", "mine."]),
        ({"samples": "photos"}, {"test": 2}, {"sizes": [3]}, ["'verdict' of own; which images"]),
        (FUNCTION, NONE | {"train": "x*"}, {}, ["datasets.mine.train", "matches none of 6 names"]),
        (FUNCTION, NONE | {"train": "x.txt"}, {}, ["datasets.mine.train", "cannot be read"]),
        (FUNCTION, NONE | {"test": "all"}, {}, ["datasets.mine.test", "`train` chooses some"]),
        (FUNCTION, NONE | {"groups": "folder"}, {}, ["datasets.mine.groups", "`train` says which"]),
        (FUNCTION, {"held_out": None}, {"sizes": [2]}, ["datasets.mine.held_out", "needs `train`"]),
        (FUNCTION, {"train": "*", "held_out": "*", "test": 3}, {}, ["`held_out` is the test set"]),
        (FUNCTION, NONE, {"sizes": [7]}, ["found 7; datasets.mine.train names 6 images for S1"]),
        (FUNCTION, NONE, {"sizes": [5]}, ["found 5; datasets.mine.train names 6", "`sizes: all`"]),
        (FUNCTION, NONE, {"drawn": ["psnr_curves"]}, ["'psnr_curves', which needs held-out"]),
        (FUNCTION, NONE, {"drawn": ["pairs"]}, ["'pairs'", "{subset} (S1 or S2) is in it"]),
        (FUNCTION, NONE, {"samples": {"start": "gaussian"}}, ["'gaussian' for own", "sd: 20"]),
        (TINY["denoisers"]["tiny"], NONE, {}, ["found 'own', which needs held-out images"]),
        ({"samples": "nowhere"}, NONE, {}, ["own.samples: found 'nowhere', but there is no such"]),
        ({"samples": "photos"}, NONE, {"drawn": ["shrinkage"]}, ["'shrinkage', which needs a d"]),
        ({"samples": "photos"}, NONE, {"drawn": ["new_images"]}, ["'new_images', which needs a"]),
        ({"samples": "{epoch}"}, NONE, {}, ["own.samples", "only {subset} and {N}"]),
        (FUNCTION | {"samples": {"sd": 5}}, NONE, {}, ["samples.sd: found 5", "sigma_max = 3"]),
        (FUNCTION, {"test": 2}, {"drawn": ["psnr_curves"]}, ["sizes: found 'all'; how many"]),
    ],
)  # fmt: skip
def test_mistakes_are_named_before_any_job(tmp_path, monkeypatch, denoiser, dataset, more, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as error:
        checked(config(tmp_path, denoiser, dataset, **more))
    assert [word for word in words if word not in str(error.value)] == [], error.value


def test_all_sizes_are_numbers_once_the_config_is_checked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = write(tmp_path / "train.txt", "001.png\n004.png\n")
    for dataset, expected in (
        (NONE, 6),
        (NONE | {"train": named}, 2),
        (NONE | {"train": {"path": "others"}}, 6),
        ({"train": "00[0-2].png", "held_out": {"path": "others"}}, 3),
    ):
        found = checked(config(tmp_path, {"samples": "photos"}, dataset))
        assert found["studies"]["mine"]["sizes"] == [expected]
    found = config(tmp_path, FUNCTION, {"test": 2, "duplicates": None}, drawn=["psnr_curves"])
    assert checked(found)["studies"]["mine"]["sizes"] == [4]


def test_samples_alone_are_compared_only_with_training_images(tmp_path):
    for subset, N in itertools.product(("S1", "S2"), (2, 3)):
        folder(tmp_path / f"{subset}-{N}", range(4))
    photos = tmp_path / "photos"
    for name, values in {"S1": range(3), "S2": range(3, 6)}.items():
        folder(photos / name, values)
    own = {"samples": str(tmp_path / "{subset}-{N}")}
    dataset = {"train": "{subset}/*", "held_out": None}
    drawn = ("verdict", "samples", "patches", "pairs")
    found = checked(config(tmp_path, own, dataset, sizes=[2, 3], drawn=drawn))
    for figure in drawn:
        job = {"study": "mine", "of": "mine_own"}
        read = figures.stores(found, job, figures.declared()[figure])
        assert [j["pair"] for j in read["similarity"]] == ["disjoint"] * (1 + (figure != "pairs"))
        assert not read.get("beyond")
    job = {"dataset": "mine", "denoiser": "own", "pair": "disjoint", "N": "3", "seed": "0"}
    assert STAGES["similarity"].values(found, job)["paired"] is False
    assert [sorted(stores) for _, stores in rows(found)] == [["similarity"], ["similarity"]]
    chosen_by = STAGES["split"].values(found, {"dataset": "mine"})
    assert chosen_by["chosen"] == {"S1": {"match": "S1/*"}, "S2": {"match": "S2/*"}}
    assert chosen_by["test"] == 0


def test_a_new_list_makes_the_split_stale_but_moving_it_does_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def values(stage, name, text):
        dataset = NONE | {"train": write(tmp_path / name, text)}
        found = checked(config(tmp_path, {"samples": "photos"}, dataset))
        return STAGES[stage].values(found, {"dataset": "mine"})

    for stage, changes in (("split", True), ("images", False)):
        before = values(stage, f"{stage}.txt", "001.png\n")
        assert values(stage, f"{stage}-moved.txt", "001.png\n") == before
        assert (values(stage, f"{stage}-2.txt", "002.png\n") != before) == changes


def test_files_of_a_place_make_the_images_stale(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset = {"train": "*", "held_out": {"path": "others"}}
    found = checked(config(tmp_path, {"samples": "photos"}, dataset))
    before = STAGES["images"].values(found, {"dataset": "mine"})
    assert before["held_out"] != before["files"] and "train" not in before
    assert "gahb.datasets.parquet" in STAGES["images"].imports(found, {"dataset": "mine"})


def test_a_model_that_knows_its_noise_starts_from_it(tmp_path):
    job = {"dataset": "mine", "denoiser": "own", "subset": "S1", "N": "6", "seed": "0"}
    vp = {"function": "torch.nn:Identity", "parametrization": "vp-v", "schedule": "linear"}
    for own, expected in (
        ({}, {"start": "paper", "sd": None, "sigma_max": None, "steps": 20}),
        ({"steps": 40}, {"start": "paper", "sd": None, "steps": 40}),
        ({"sd": 2}, {"start": "paper", "sd": 2, "sigma_max": 3}),
    ):
        denoiser = vp | ({"samples": own} if own else {})
        found = checked(config(tmp_path, denoiser, NONE))
        values = STAGES["samples"].values(found, job)
        assert {k: values[k] for k in expected} == expected
        assert "samples" not in STAGES["imported"].values(found, job)


# Samples that were drawn elsewhere.


@pytest.mark.parametrize("how", ["folder", "larger", "array"])
def test_samples_are_brought_to_the_images(tmp_path, how):
    made(tmp_path, test=0, chosen={"S1": {"match": "*"}})
    path = folder(tmp_path / "drawn", range(40, 45), side=16 if how == "larger" else 8)
    if how == "array":
        path = str(tmp_path / "drawn.npy")
        np.save(path, np.full((5, 8, 8), 40 / 255, np.float32))
    output = str(tmp_path / "samples.zarr")
    scripts.drawn.main(str(tmp_path / "images.zarr"), output, files="", gray="mean", path=path)
    assert not store.problems(output)
    found = store.open_store(output)
    assert found.samples.shape == (5, 1, 8, 8) and not found.diverged.any()
    np.testing.assert_allclose(found.samples[0, 0, -1, -1], 40 / 255, atol=1 / 255)
    assert ("file" in found) == (how != "array")


@pytest.mark.parametrize(("pixels", "words"), [
    (np.eye(8, dtype=np.uint8), "multiply them by 255"),
    (np.eye(8, 16, dtype=np.uint8) * 255, "has 8 x 16 pixels; .* another crop are not found"),
    (np.eye(8, dtype=np.uint8) * 255, None),
])  # fmt: skip
def test_samples_that_hide_copies_are_doubted_aloud(tmp_path, capsys, pixels, words):
    made(tmp_path, test=0, chosen={"S1": {"match": "*"}})
    np.save(tmp_path / "drawn.npy", np.stack([pixels, np.roll(pixels, 1, 0), pixels[::-1]]))
    scripts.drawn.main(
        str(tmp_path / "images.zarr"), str(tmp_path / "s.zarr"), files="", gray="mean",
        path=str(tmp_path / "drawn.npy"),
    )  # fmt: skip
    said = [line for line in capsys.readouterr().out.splitlines() if "Warning" in line]
    assert re.search(words, *said) if words else not said


def test_samples_of_several_sizes_are_brought_to_the_images(tmp_path):
    made(tmp_path, test=0, chosen={"S1": {"match": "*"}})
    path = folder(tmp_path / "drawn", [40])
    folder(tmp_path / "drawn" / "larger", [50], side=16)
    output = str(tmp_path / "samples.zarr")
    scripts.drawn.main(str(tmp_path / "images.zarr"), output, files="", gray="mean", path=path)
    assert store.open_store(output).samples.shape == (2, 1, 8, 8)


def test_samples_unlike_the_images_of_the_data_set_are_refused(tmp_path):
    made(tmp_path, test=0, chosen={"S1": {"match": "*"}})
    path = folder(tmp_path / "drawn", range(3), side=4)
    with pytest.raises(ImageError, match="smaller than side 8"):
        scripts.drawn.main(
            str(tmp_path / "images.zarr"), str(tmp_path / "s.zarr"), files="", gray=None, path=path
        )


def test_copies_among_samples_are_found_without_held_out_images_and_without_pairs(tmp_path):
    """Two folders with different numbers of samples: half of S1's are its images, none of S2's."""
    images, _ = made(
        tmp_path, test=0, chosen={"S1": {"match": "00[0-4].png"}, "S2": {"match": "00[5-9].png"}}
    )
    rng, pixels = np.random.default_rng(0), images.images.values
    noise = rng.random((8, 1, 8, 8)).astype(np.float32)
    for subset, samples in (("S1", np.r_[pixels[:4] / 255, noise[:4]]), ("S2", noise[:6])):
        np.save(tmp_path / f"{subset}.npy", samples.astype(np.float32))
        scripts.drawn.main(
            str(tmp_path / "images.zarr"), str(tmp_path / f"{subset}.zarr"), files="", gray="mean",
            path=str(tmp_path / f"{subset}.npy"),
        )  # fmt: skip
    output = str(tmp_path / "similarity.zarr")
    arguments = [str(tmp_path / f"{name}.zarr") for name in ("images", "split", "S1", "S2")]
    scripts.similarity.main(
        *arguments[:2], arguments[2:], output, subsets=["S1", "S2"], N=5, nearest=2, patch=4,
        paired=False,
    )  # fmt: skip
    assert not store.problems(output)
    found = xr.open_zarr(output)
    assert found.memorized.values.tolist() == [[1] * 4 + [0] * 2, [0] * 6]
    assert found.closest_image.values[0, :4].tolist() == [0, 1, 2, 3]
    absent = {"between", "reproduced", "reproducibility", "false_positives", "held_out_ratio"}
    assert not absent & {*found}
    with pytest.raises(ValueError, match="N = 6, but S1 has 5 images"):
        scripts.similarity.main(
            *arguments[:2], arguments[2:3], output, subsets=["S1"], N=6, nearest=2, patch=4
        )
