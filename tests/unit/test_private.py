"""No figure shows an image of a private data set, or a sample that is a copy of one."""

import numpy as np
import pytest
from figure_stores import FIGURES, several
from gahb.drawing import pictures
from gahb.figures import new_images, patches, samples, verdict
from study.config import checked
from study.figures import drawn
from study.stages import STAGES

#: Figures that show samples.
OF_SAMPLES = (new_images, samples, patches, verdict)


@pytest.fixture
def seen(monkeypatch):
    """Every image that is not hidden when a figure is drawn."""
    passed, photo = [], pictures._photo
    monkeypatch.setattr(pictures, "_photo", lambda image: passed.append(image) or photo(image))
    return passed


@pytest.mark.parametrize("name", FIGURES)
def test_only_samples_that_are_not_copies_are_shown(name, seen):
    stores, shown = several(1)[FIGURES[name]]
    with pictures.hiding(True):
        FIGURES[name].draw(stores, shown)
    if FIGURES[name] not in OF_SAMPLES:
        assert not seen
        return
    new, copies = [], []
    for kind, of, data in stores._opened:
        if kind == "similarity" and of["pair"] == "disjoint":
            for subset, copied in zip(("S1", "S2"), pictures.copies(data).values, strict=True):
                made = stores.first("samples", N=of["N"], subset=subset).samples.values
                new += list(made[~copied])
                copies += list(made[copied])
        if kind == "beyond":
            new += list(data.gaussian.values)
    assert copies and seen
    assert all(any(np.array_equal(image, sample) for sample in new) for image in seen)


def test_everything_is_shown_if_a_data_set_is_not_private(seen):
    stores, shown = several(1)[samples]
    samples.draw(stores, shown)
    images = stores.first("images").images.values
    assert any(np.array_equal(shown, image) for shown in seen for image in images)


def test_hidden_tiles_are_alike_and_hiding_ends():
    images = np.random.default_rng(0).random((2, 3, 8, 6))
    with pictures.hiding(True):
        hidden = [pictures.photo(image) for image in images] + [pictures.signed(images[0])]
        hidden.append(pictures.generated(images[0], copied=True))
        np.testing.assert_allclose(
            pictures.generated(images[0], copied=False), np.moveaxis(images[0], 0, -1)
        )
    assert all(np.array_equal(hidden[0], other) for other in hidden)
    np.testing.assert_allclose(pictures.photo(images[0]), np.moveaxis(images[0], 0, -1))


def _config(private, folder):
    np.save(folder / "a.npy", np.zeros((300, 16, 16), np.uint8))
    own = {"source": "arrays", "path": str(folder / "a.npy"), "private": private}
    both = {"denoisers": ["unet"], "sizes": [10]}
    study = both | {"datasets": ["a"], "figures": ["samples", "shrinkage"]}
    twice = both | {"datasets": ["a", "b"], "figures": ["geometry"]}
    return checked(
        {
            "datasets": {"a": own, "b": {"source": "shuffled", "of": "a"}},
            "denoisers": {"unet": {"architecture": "unet", "training": "quick"}},
            "training": {"quick": {"steps": 10}},
            "eigenbasis": {"images": [0]},
            "studies": {"s": study, "twice": twice},
        }
    )


def test_a_data_set_made_of_a_private_one_is_private(tmp_path):
    jobs = {"samples": {"study": "s", "of": "a_unet"}, "geometry": {"study": "twice", "of": "unet"}}
    for private in (True, False):
        config = _config(private, tmp_path)
        for figure, job in jobs.items():
            assert STAGES[f"figure_{figure}"].values(config, job)["private"] is private


def test_privacy_changes_figures_but_no_computation(tmp_path):
    job = {"dataset": "a", "denoiser": "unet", "subset": "S1", "N": "10", "seed": "0"}
    open_, hidden = _config(False, tmp_path), _config(True, tmp_path)
    for stage in ("images", "split", "training", "samples", "psnr"):
        assert STAGES[stage].values(open_, job) == STAGES[stage].values(hidden, job)
    assert "s/eigenbasis_a_unet" in drawn(open_)
    assert "s/eigenbasis_a_unet" not in drawn(hidden)
