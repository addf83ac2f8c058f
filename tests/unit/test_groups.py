"""Groups by folder, by a pattern and by a CSV: what they are, and what is refused by name."""

import copy
import itertools

import numpy as np
import pytest
import scripts.split
import xarray as xr
from conftest import TINY
from gahb import store
from gahb.groups import GroupError, most_for_pairs, of_names, read
from gahb.split import TooFewImages
from hypothesis import given, settings
from hypothesis import strategies as st
from study.config import ConfigError, checked
from study.job import Job
from study.stages import STAGES


@pytest.fixture(autouse=True, scope="module")
def few_divisions():
    """The choice among divisions is not tested here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gahb.split.DIVISIONS", 20)
        yield


def test_groups_of_names(tmp_path):
    names = ["ann/1.png", "ann/2.png", "bob/1.png", "c.png"]
    assert of_names(names, "folder", None) == ["ann", "ann", "bob", "."]
    assert of_names(["v1_1.png", "v1_2.png", "v2_1.png"], r"^(v\d+)_", None) == ["v1", "v1", "v2"]
    table = tmp_path / "a.csv"
    table.write_text("group,name,more\n7,c.png,x\n8,ann/1.png,y\n8,ann/2.png,\n8,bob/1.png,\n")
    assert of_names(names, None, str(table)) == ["8", "8", "8", "7"]
    with pytest.raises(GroupError, match=r"pattern '\^\(v\)' finds no group in 'c' \(1 of 2 files"):
        of_names(["v", "c"], "^(v)", None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "file,group\na,1\n",
            "its first line is 'file,group'; it needs the columns name and group",
        ),
        ("name,group\na,1\na,2\n", "line 3: 'a' is in the group '2', but above in '1'"),
        ("name,group\na\n", "line 2: has no name or no group"),
    ],
)
def test_tables_that_are_refused(tmp_path, text, words):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(GroupError, match=words):
        read(str(tmp_path / "a.csv"))


def data_set(folder, group, picture=None):
    """Stores of images with a folder for each group."""
    names = np.array([f"{g}/{i}.png" for i, g in enumerate(group)])
    images = np.random.default_rng(0).random((len(group if picture is None else picture), 1, 8, 8))
    found = xr.Dataset({"images": (("image", "channel", "y", "x"), images)})
    if picture is None:
        found["file"] = store.variable("image", names, "file")
    else:
        found["picture"] = ("image", picture)
        found["picture_name"] = store.variable("source", names, "name of the picture")
    store.save(found.assign_attrs(store.provenance("Images", {})), folder / "images.zarr")
    return str(folder / "images.zarr"), [], [], str(folder / "split.zarr")


@settings(max_examples=10)
@given(sizes=st.lists(st.integers(1, 12), min_size=5, max_size=12), test=st.integers(1, 4))
def test_no_group_is_divided(tmp_path_factory, sizes, test):
    paths = data_set(tmp_path_factory.mktemp("grouped"), np.repeat(np.arange(len(sizes)), sizes))
    try:
        scripts.split.main(*paths, groups="folder", test=test, seed=0)
    except TooFewImages as error:
        assert "that share no group" in str(error)  # large groups, all of them in the test set
        return
    made = xr.open_zarr(paths[-1])
    names = made.group_name.values[made.group.values]
    assert names.tolist() == np.repeat(np.arange(len(sizes)), sizes).astype(str).tolist()
    S1, S2, held_out = (names[made[part].values] for part in ("S1", "S2", "test"))
    assert not set(S1) & set(held_out) and len(held_out) == test
    assert len(S2) <= most_for_pairs(sizes, test)
    for N in range(1, len(S2) + 1):
        assert not set(S1[:N]) & set(S2[:N])
    # Only whole groups are left out of S1, and no more of them than fill the test set.
    left = np.setdiff1d(np.arange(len(names)), made.S1)
    assert not set(S1) & set(names[left])
    assert test <= len(left) < test + max(sizes)


def test_patches_are_in_the_group_of_their_picture(tmp_path):
    picture = np.repeat(np.arange(6), 5)
    paths = data_set(tmp_path, list("aabbcc"), picture)
    scripts.split.main(*paths, groups="folder", test=3, seed=0)
    made = xr.open_zarr(paths[-1])
    assert made.group_name.values[made.group.values].tolist() == list(np.repeat(list("abc"), 10))


def test_too_few_groups_and_unknown_names(tmp_path, capsys):
    paths = data_set(tmp_path, list("aabb"))
    with pytest.raises(TooFewImages, match=r"4 images of 2 groups are too few .* share no group"):
        scripts.split.main(*paths, groups="folder", test=1, seed=0)
    table = tmp_path / "a.csv"
    table.write_text("name,group\na/0.png,1\na/1.png,1\nb/2.png,2\nb/3.png,3\nx.png,4\n")
    scripts.split.main(*paths[:2], [str(table)], paths[3], groups=None, test=1, seed=0,
                                job=Job())  # fmt: skip
    assert "1 names are of no image, as 'x.png'" in capsys.readouterr().out


def config(folder, groups, **more):
    found = copy.deepcopy(TINY)
    found["datasets"]["mine"] = {"source": "folder", "path": str(folder), "side": 8, **more}
    if groups is not None:
        found["datasets"]["mine"]["groups"] = groups
    found["datasets"]["moved"] = {"source": "shuffled", "of": "mine"}
    return found


def test_a_mistake_in_groups_is_named_before_any_job(tmp_path):
    for name in ("a_1.png", "a_2.png", "b.png"):
        (tmp_path / name).touch()
    table = tmp_path.parent / f"{tmp_path.name}.csv"
    table.write_text("name,group\na_1.png,1\na_2.png,1\nb.png,2\nc.png,3\n")
    for groups, words in (
        ({"pattern": "^(.+"}, "is not a regular expression"),
        ({"pattern": "^a"}, "it needs one group in parentheses"),
        ({"pattern": "^(.+)_"}, r"finds no group in 'b.png' \(1 of 3 files\)"),
        ({"csv": "nowhere.csv"}, "nowhere.csv: cannot be read as a CSV file"),
        ({"csv": str(table)}, r"names 'c.png', and no such file is in the folder \(1 unknown"),
        ("person", "groups: found 'person'"),
    ):
        with pytest.raises(
            ConfigError,
            match=rf"datasets\.mine\.groups: .*{words}" if groups != "person" else words,
        ):
            checked(config(tmp_path, groups))
    checked(config(tmp_path, {"pattern": "^(.+)_"}, match="a*"))
    table.write_text("name,group\na_1.png,1\n")
    with pytest.raises(ConfigError, match=r"has no row for 'a_2.png' \(2 of 3 files\)"):
        checked(config(tmp_path, {"csv": str(table)}))


def test_a_size_that_whole_groups_cannot_give_is_named_before_any_job(tmp_path):
    """Three videos of 10 frames: one for the test set, and one for each network."""
    for video, frame in itertools.product("abc", range(10)):
        (tmp_path / f"{video}_{frame}.png").touch()
    study = {"datasets": ["mine"], "denoisers": ["tiny"], "figures": ["samples"]}
    by_video, found = {"pattern": "^(.)_"}, {}
    for groups, N in ((by_video, 10), (by_video, 11), (None, 11)):
        found[N, groups is None] = config(tmp_path, groups, test=2) | {"run": ["mine"]}
        found[N, groups is None]["studies"]["mine"] = study | {"sizes": [N]}
    checked(found[10, False]), checked(found[11, True])
    with pytest.raises(
        ConfigError,
        match=r"studies\.mine\.sizes: found 11; the 30 images of mine are in 3 groups, .* 10 each",
    ):
        checked(found[11, False])


def test_groups_change_the_split_but_no_image(tmp_path):
    """Data sets without groups do not change: no value of theirs mentions groups."""
    (tmp_path / "a.png").touch()
    sides = [checked(config(tmp_path, groups)) for groups in ("folder", None)]

    def values(stage, dataset):
        return [STAGES[stage].values(side, {"dataset": dataset}) for side in sides]

    for dataset in ("mine", "moved"):
        with_groups, without = values("split", dataset)
        assert with_groups == without | {"groups": "folder", "table_content": None}
        with_groups, without = values("images", dataset)
        assert with_groups == without and "groups" not in without
    with_groups, without = values("split", "calpha")
    assert with_groups == without and "groups" not in without
