"""The audit: injected copies are found, new images are not flagged, and the page is complete."""

import csv
import io
import re
import tomllib
from importlib import import_module

import gahb
import numpy as np
import pytest
import torch
import xarray as xr
from conftest import ROOT
from gahb.copies import copying, reading
from gahb.copies.command import main
from gahb.copies.page import page
from gahb.copies.words import doubts, verdict
from gahb.datasets.base import ImageError
from PIL import Image

SIDE, TRAIN, COPIES = 24, 120, 6


def images(count: int, seed: int, side: int = SIDE) -> np.ndarray:
    """Gaussian images with the spectrum of photographs, 1 / f^2, and a tint, as bytes."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    frequency[0, 0] = np.inf
    drawn = np.fft.fft2(rng.standard_normal((count, 1, side, side))) / frequency**2
    drawn = np.fft.ifft2(drawn).real
    drawn *= 0.15 / drawn.std((1, 2, 3), keepdims=True)
    tinted = 0.5 + drawn * rng.uniform(0.7, 1, (count, 3, 1, 1))
    return np.rint(tinted.clip(0, 1) * 255).astype(np.uint8)


def compressed(image: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image.transpose(1, 2, 0)).save(file, "jpeg", quality=50)
    return np.asarray(Image.open(file)).transpose(2, 0, 1)


def pasted(copies: np.ndarray, on: np.ndarray) -> np.ndarray:
    """Images with the middle of others pasted over their four central patches."""
    made, middle = on.copy(), slice(SIDE // 4, 3 * SIDE // 4)
    made[:, :, middle, middle] = copies[:, :, middle, middle]
    return made


TRAINED, HELD_OUT = images(TRAIN, 0), images(60, 1)
SOURCES = TRAINED[:COPIES]
CASES = {
    "exact": SOURCES,
    "other contrast": np.rint(60 + 0.5 * SOURCES).astype(np.uint8),
    "mirrored": SOURCES[..., ::-1],
    "compressed": np.stack([compressed(image) for image in SOURCES]),
    "pasted": pasted(SOURCES, images(COPIES, 2)),
    "new": images(COPIES, 3),
}
SAMPLES = np.concatenate(list(CASES.values()))


@pytest.fixture(scope="module")
def found():
    return gahb.audit(TRAINED, SAMPLES, HELD_OUT)


def of(case: str) -> slice:
    place = list(CASES).index(case)
    return slice(COPIES * place, COPIES * (place + 1))


@pytest.mark.parametrize("case", ["exact", "other contrast", "mirrored", "compressed"])
def test_injected_copies_are_found(found, case):
    store = found.found.isel(sample=of(case))
    assert store.memorized.values.all()
    np.testing.assert_array_equal(store.nearest, range(COPIES))
    assert (store.mirrored == (case == "mirrored")).all()
    if case == "other contrast":
        np.testing.assert_allclose(store.contrast, 0.5, atol=0.01)
    if case in ("mirrored", "other contrast"):  # this is why the published rule is changed
        assert not store.memorized_by_distance.values.all()


def test_a_pasted_part_is_found_but_is_not_a_copy(found):
    store = found.found.isel(sample=of("pasted"))
    assert not store.memorized.values.any()
    assert (store.patch == 4).all()
    np.testing.assert_array_equal(store.patch_of, range(COPIES))


def test_new_images_are_not_flagged(found):
    store = found.found
    for values in (store.memorized[of("new")], store.held_out_memorized):
        assert not values.values.any()
    for values in (store.patch[of("new")], store.held_out_patch):
        assert not values.values.any()


def test_the_result_of_the_function(found):
    assert found.fraction == pytest.approx(4 / 6)
    low, high = found.interval
    assert low < found.fraction < high
    assert found.false_positives == 0
    assert found.z < -3
    ratios = [pair.ratio for pair in found.pairs]
    assert ratios == sorted(ratios) and len(ratios) == len(SAMPLES)
    assert sum(pair.memorized for pair in found.pairs) == 4 * COPIES
    np.testing.assert_array_equal(found.found.copies, [4] * COPIES + [0] * (TRAIN - COPIES))


@pytest.mark.parametrize("case", ["exact", "other contrast", "mirrored", "compressed"])
def test_duplicates_in_the_training_set_do_not_hide_copies(case):
    held = np.concatenate([TRAINED, SOURCES, SOURCES[..., ::-1], CASES["other contrast"]])
    found = gahb.audit(held, CASES[case], HELD_OUT)
    assert found.fraction == 1 and found.false_positives == 0


def test_an_image_that_the_training_set_holds_too_often_is_mentioned():
    """Its copies have no second nearest among the 32 that are looked at."""
    often = np.concatenate([TRAINED, SOURCES[:1].repeat(40, 0)])
    found = gahb.audit(often, CASES["compressed"][:1], HELD_OUT)
    assert found.fraction == 0 and found.pairs[0].cosine > 0.99
    assert "1 further sample has a cosine above 0.99" in " ".join(verdict(found))


def test_training_images_stand_in_for_held_out_ones():
    held = np.concatenate([TRAINED, SOURCES[:3]])  # three are repeated, and not new images
    found = gahb.audit(torch.as_tensor(held), SAMPLES)
    assert (found.stand_in, found.same, len(found.held_out)) == (True, 6, TRAIN - 3)
    assert found.false_positives == 0
    assert not (found.found.held_out_cosine > 0.99).any()
    assert "each compared with all others" in verdict(found)[0]
    # An image is not compared with itself: the nearest is another one, with its cosine.
    flat = TRAINED.reshape(TRAIN, -1).astype(float)
    mirrored = TRAINED[..., ::-1].reshape(TRAIN, -1).astype(float)
    cosine = np.maximum(*(np.corrcoef(flat, o)[:TRAIN, TRAIN:] for o in (flat, mirrored)))
    np.fill_diagonal(cosine, -1)
    np.testing.assert_allclose(found.found.held_out_cosine, cosine[3:].max(1), atol=1e-5)


def test_blank_samples_are_copies_only_of_blank_images():
    blank = np.full((3, 3, SIDE, SIDE), [[[[0]]], [[[90]]], [[[255]]]], np.uint8)
    samples = np.concatenate([blank, HELD_OUT[:3]])
    for train, copies in ((TRAINED, 0), (np.concatenate([TRAINED, blank[:1] + 7]), 3)):
        found = gahb.audit(train, samples, HELD_OUT)
        assert found.found.memorized.values.sum() == copies
        assert found.found.blank.values.tolist() == [True] * 3 + [False] * 3


def test_z_is_the_mann_whitney_statistic():
    rng = np.random.default_rng(0)
    a, b = rng.random(40), rng.random(30) + 0.1
    pairs = (a[:, None] > b).sum()
    expected = (pairs - 600) / np.sqrt(1200 * 71 / 12)
    assert copying.z_score(a, b) == pytest.approx(expected)
    assert copying.z_score(b, a) == pytest.approx(-expected)
    assert copying.z_score(a, a) == 0
    # Independent draws from one distribution: mean 0 and variance 1.
    z = [copying.z_score(*rng.random((2, 50))) for _ in range(400)]
    assert abs(np.mean(z)) < 0.2 and 0.85 < np.std(z) < 1.15


def test_z_of_cells_where_samples_are_closer():
    rng = np.random.default_rng(0)
    centers = np.array([[0, 0], [10, 0]], np.float32)

    def drawn(count):
        cell = np.arange(count) % 2
        return cell, centers[cell] + 0.1 * rng.standard_normal((count, 2)).astype(np.float32)

    cell, samples = drawn(100)
    distance = rng.random(100) + np.where(cell, 0, -0.5)  # closer only in the first cell
    others, of_others = drawn(100)[1], rng.random(100)
    z, count, mean = copying.in_cells(drawn(50)[1], (samples, distance), (others, of_others))
    expected = [copying.z_score(distance[cell == i], of_others[cell == i]) for i in (0, 1)]
    assert sorted(z) == pytest.approx(expected) and expected[0] < -4 < expected[1]
    assert (count.tolist(), mean) == ([50, 50], pytest.approx(np.mean(expected)))


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Folders of images of several sizes and modes: photos, nested, and generated ones."""
    monkeypatch.chdir(tmp_path)
    for name, pixels in {"photos": TRAINED, "generated": SAMPLES}.items():
        for i, image in enumerate(pixels):
            file = tmp_path / name / str(i % 2) / f"{i:03}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            shown = Image.fromarray(image.transpose(1, 2, 0))
            # Larger and wider, so that their centered squares are the images at twice the side.
            if name == "photos" and i % 3 == 2:
                wide = Image.new("RGB", (3 * SIDE, 2 * SIDE))
                wide.paste(shown.resize((2 * SIDE, 2 * SIDE)), (SIDE // 2, 0))
                shown = wide
            shown.save(file)
    return tmp_path


def test_the_command(folders, capsys):
    given = ["audit", "--train", "photos", "--samples", "generated", "--workers", "2"]
    assert main(given) == 0
    said = capsys.readouterr().out
    assert re.search(r"^\d+ of 36 samples \(0\.\d\d, .*\) are copies of one of the 120", said, re.M)
    assert "24 x 24 pixels, 3 channel(s), their centered squares resized" in said
    with open("audit/pairs.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(SAMPLES) and list(rows[0]) == [
        "sample", "train", "mirrored", "cosine", "ratio", "contrast", "memorized", "patch"
    ]  # fmt: skip
    exact = {row["sample"]: row for row in rows}["0/004.png"]
    assert (exact["train"], exact["memorized"]) == ("0/004.png", "True")
    with xr.open_zarr("audit/audit.zarr") as store:
        assert store.memorized_fraction[0] == pytest.approx(
            sum(row["memorized"] == "True" for row in rows) / len(rows)
        )
    text = (folders / "audit" / "index.html").read_text()
    # Offline: nothing is loaded from elsewhere.
    assert not re.findall(r'(?:src|href)="(?!data:)', text)
    assert text.count("<img") > 24
    assert main([*given, "--fail-above", "0.1", "--out", "again"]) == 3
    assert main([*given, "--fail-above", "0.9", "--out", "again"]) == 0


def test_a_private_page_shows_no_image(found):
    shown = page(found, private=True)
    assert shown.count("<img") == 1 and 'class="plot"' in shown
    assert page(found).count("<img") > 24


def test_names_are_text_on_the_page():
    found = gahb.audit(TRAINED[:10], SAMPLES[:2])
    found.samples.names[0] = "<script>alert(1)</script>"
    assert "<script>" not in page(found)


def test_no_copies_are_reported_unless_they_exceed_false_positives():
    """Held-out images that are training images: the rule says nothing about these."""
    said = " ".join(verdict(gahb.audit(TRAINED, TRAINED[:9], TRAINED[9:18])))
    assert "by the same rule 9 of 9 held-out images are" in said
    assert "not shown to be copies" in said


def noisy(pixels: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 60, pixels.shape)
    return np.rint(pixels + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("samples", "held_out", "words"),
    [
        (images(20, 3), HELD_OUT, None),
        (CASES["compressed"], None, None),  # copies, as a network draws them
        (TRAINED, HELD_OUT, "120 samples equal a training image"),
        (images(20, 3), np.concatenate([HELD_OUT, TRAINED[:5]]), "5 held-out images equal a"),
        (noisy(images(20, 3)), HELD_OUT, "farther from the training images than new images are"),
        (images(20, 3) // 128, HELD_OUT, "In the samples, .* of 0 and 1, multiply them by 255"),
        (np.full((9, 3, SIDE, SIDE), 90, np.uint8), None, "9 of 9 are of one value alone"),
    ],
)
def test_images_that_cannot_be_what_they_are_said_to_be_are_doubted(samples, held_out, words):
    found = gahb.audit(TRAINED, samples, held_out)
    if words is None:
        assert doubts(found) == []
    else:
        assert re.search(words, " ".join(verdict(found)))


def test_the_limits_are_on_the_page(found):
    shown = page(found)
    for words in ("shifted", "rotated", "covers a whole patch", "Only these samples were judged"):
        assert words in shown
    assert "0 of 60" in shown and "24 of 36" in shown


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        (["--train", "nowhere"], "nowhere: there is no such file or folder"),
        (["--side", "30"], "smaller than side 30"),
        (["--samples", "several.npz"], "has none: convert the images"),
        (["--out", "several.npz"], "--out several.npz: cannot be a folder (File exists)"),
        (["--embedding", "nothing:here"], "nothing"),
    ],
)
def test_errors_of_the_command_are_one_line(folders, capsys, argument, words):
    np.savez("several.npz", a=TRAINED, b=TRAINED)
    assert main(["audit", "--train", "photos", "--samples", "generated", *argument]) == 1
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((3, 8, 8)), r"shape \(3, 8, 8\)"),
        (np.zeros((3, 8, 8, 3)), "with 1 or 3 channels"),
        (np.full((3, 1, 8, 8), -1.0), "values from -1 to -1"),
        (np.zeros((0, 1, 8, 8)), r"\(0, 1, 8, 8\)"),
    ],
)
def test_arrays_that_are_not_images_are_refused(array, words):
    with pytest.raises(ImageError, match=words):
        gahb.audit(array, array)


def test_the_side_is_halved_until_no_image_is_smaller():
    small = SAMPLES[:, :, 1:13, :20]
    (train, samples), _ = reading.read([images(5, 0, 48), small])
    assert train.pixels.shape[2:] == samples.pixels.shape[2:] == (12, 12)
    np.testing.assert_array_equal(samples.pixels, small[..., 4:16])
    with pytest.raises(ImageError, match="smaller than side 24"):
        reading.read([images(5, 0, 48), small], side=24)


def test_an_array_of_other_things_does_not_shrink_the_images():
    kernels = np.random.default_rng(0).random((8, 3, 3, 3))
    with pytest.raises(ImageError, match="an array: its first image has only 3 pixels"):
        reading.read([TRAINED, kernels])
    for sets, side in (([TRAINED, TRAINED], 1), ([TRAINED[..., :1, :1]] * 2, None)):
        with pytest.raises(ImageError, match=r"found side 1|only 1 pixels"):
            reading.read(sets, side=side)


def test_it_is_said_which_part_of_the_images_is_compared():
    said = reading.read([images(3, 0, 48)[..., :32], TRAINED])[1]
    assert "48 x 32, 24 x 24), so that copies in another crop are not found" in said


def test_a_later_smaller_image_of_a_folder(folders):
    Image.new("RGB", (13, 14)).save("photos/1/zzz.png")
    (train, _), _ = reading.read(["photos", "generated"])
    assert train.pixels.shape[1:] == (3, 12, 12) and train.names[-1] == "1/zzz.png"


def test_gray_and_color_are_compared_in_gray():
    gray = TRAINED.mean(1, keepdims=True)
    (train, samples), said = reading.read([np.rint(gray).astype(np.uint8), TRAINED[:9]])
    assert train.pixels.shape[1] == samples.pixels.shape[1] == 1
    np.testing.assert_allclose(samples.pixels, gray[:9], atol=0.51)
    assert "colors averaged because one set is gray" in said
    (three,), _ = reading.read([np.rint(gray).astype(np.uint8).repeat(3, 1)])
    assert three.pixels.shape[1] == 1


def test_an_embedding_finds_copies_that_pixels_miss(tmp_path, monkeypatch):
    """Copies turned upside down, which do not change the network's features."""
    (tmp_path / "means_of_columns.py").write_text(
        "from torch import nn\n\ndef made():\n"
        "    return nn.Sequential(nn.AdaptiveAvgPool2d((1, None)), nn.Flatten(),"
        " nn.LayerNorm(72, elementwise_affine=False))\n"
    )
    monkeypatch.chdir(tmp_path)
    samples = np.concatenate([SOURCES[:, :, ::-1], HELD_OUT[:4]])
    for held_out in (HELD_OUT, None):
        found = gahb.audit(TRAINED, samples, held_out, embedding="means_of_columns:made").found
        assert not found.memorized.values.any()
        assert found.memorized_embedded.values.tolist() == [True] * COPIES + [False] * 4
        assert found.false_positives_embedded[0] < 0.05


def test_the_entry_point_is_the_command():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, function = scripts["gahb"].split(":")
    assert getattr(import_module(module), function) is main
