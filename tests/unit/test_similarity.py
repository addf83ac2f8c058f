"""Nearest images, memorization and intervals against brute force and definitions."""

import pytest
import torch
from conftest import Stored
from gahb.similarity import pixels
from gahb.similarity.memorized import fit, memorized_by_distance, second_rank
from gahb.similarity.patches import nearest_patches
from gahb.similarity.pixels import closest_pairs, nearest, paired_cosine


def some(count, seed=0, side=8):
    return torch.rand(count, 1, side, side, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("block", [1, 7, 1000])
@pytest.mark.parametrize("k", [1, 3, 40, 99])
def test_nearest_is_brute_force(k, block):
    images, among = some(9), some(40, 1)
    found = nearest(images, among, k, block)
    k = min(k, 40)
    a, b = images.flatten(1).double(), among.flatten(1).double()
    distance, by_distance = torch.cdist(a, b).sort(1)
    torch.testing.assert_close(found.distance.double(), distance[:, :k], atol=1e-5, rtol=0)
    torch.testing.assert_close(found.by_distance, by_distance[:, :k])
    cosine = torch.corrcoef(torch.cat([a, b]))[:9, 9:]
    cosine, by_cosine = cosine.sort(1, descending=True)
    torch.testing.assert_close(found.cosine.double(), cosine[:, :k], atol=1e-5, rtol=0)
    torch.testing.assert_close(found.by_cosine, by_cosine[:, :k])


def test_cosine_ignores_brightness_and_contrast_and_distance_does_not():
    images = some(5)
    changed = 0.3 + 0.4 * images.flip(0)
    found = nearest(images, changed, 1)
    torch.testing.assert_close(found.by_cosine[:, 0], torch.arange(5).flip(0))
    torch.testing.assert_close(found.cosine[:, 0], torch.ones(5))
    torch.testing.assert_close(paired_cosine(images, changed.flip(0)), torch.ones(5))
    torch.testing.assert_close(paired_cosine(images, 1 - images), -torch.ones(5))


def test_an_equal_image_is_at_distance_0_to_the_last_bit():
    # In a single-precision matrix product |a|^2 + |b|^2 - 2 <a, b> would be wrong by 1e-3.
    among = some(30, side=80) * 1e-2 + 0.9
    found = nearest(among[:3], among, 2)
    assert (found.distance[:, 0] == 0).all()
    assert (found.by_distance[:, 0] == torch.arange(3)).all()


@pytest.mark.parametrize("contrast", [1e-1, 1e-2, 1e-3])
def test_bright_images_of_low_contrast(contrast):
    """|x|^2 is 5000 and their squared distances are 1e-2 and less, as in a white sky."""
    images, among = (0.9 + contrast * (some(n, n, 80) - 0.5) for n in (20, 500))
    images += contrast * torch.linspace(-0.1, 0.1, 20)[:, None, None, None]
    expected = torch.cdist(images.flatten(1).double(), among.flatten(1).double()).min(1)
    found = nearest(images, among)
    torch.testing.assert_close(found.by_distance[:, 0], expected.indices)
    torch.testing.assert_close(found.distance[:, 0].double(), expected.values, rtol=1e-5, atol=0)


def test_near_copies_are_distinguished():
    """Their squared distances of 1e-6 and 4e-6 are below the rounding of squares of 500."""
    images, others = some(10, side=80), some(50, 1, 80)
    step = torch.randn(images.shape, generator=torch.Generator().manual_seed(2))
    step *= 1e-3 / step.flatten(1).norm(dim=1)[:, None, None, None]
    found = nearest(
        images, torch.cat([images + 3 * step, images + 2 * step, images + step, others])
    )
    assert (found.by_distance[:, 0] == torch.arange(20, 30)).all()


@pytest.mark.parametrize("block", [3, 64])
def test_among_equally_near_images_the_first_comes_first(block):
    among = some(20)
    among[15] = among[4]
    among[11] = among[4]
    found = nearest(among[4:5], among, 3, block)
    assert found.by_cosine.tolist() == [[4, 11, 15]]
    assert found.by_distance.tolist() == [[4, 11, 15]]


@pytest.mark.parametrize("mirrored", [False, True])
def test_blank_images_are_equal_at_any_gray_level(mirrored):
    among = some(6)
    among[2] = 0.7
    blank = torch.stack([torch.full((1, 8, 8), 0.1), torch.full((1, 8, 8), 1.0)])
    found = nearest(blank, among, 3, mirrored=mirrored)
    assert found.cosine.tolist() == [[1, 0, 0]] * 2
    assert found.by_cosine.tolist() == [[2, 0, 1]] * 2
    assert found.by_distance[1, 0] == 2
    assert nearest(1 - among[:1], among, 1).by_cosine.item() != 2
    assert paired_cosine(torch.cat([blank, among[:1]]), blank[[1, 0, 0]]).tolist() == [1, 1, 0]
    assert not nearest(blank, among[:2], 1, mirrored=mirrored).cosine.any()


@pytest.mark.parametrize("width", [7, 8])
@pytest.mark.parametrize("block", [None, 7])
def test_mirrored_images_are_compared_with_brute_force(width, block):
    images, among = some(9, side=8)[..., :width], some(40, 1)[..., :width]
    as_bytes = (among * 255).to(torch.uint8)
    for others in (among, as_bytes):
        found = nearest(images, others, 5, block, mirrored=True)
        exact = others.double() / (255 if others is as_bytes else 1)
        cosine = [torch.corrcoef(torch.cat([images.flatten(1).double(), o.flatten(1)]))[:9, 9:]
                  for o in (exact, exact.flip(-1))]  # fmt: skip
        best, where = torch.maximum(*cosine).sort(1, descending=True)
        torch.testing.assert_close(found.cosine.double(), best[:, :5], atol=1e-5, rtol=0)
        torch.testing.assert_close(found.by_cosine, where[:, :5])
        assert torch.equal(found.mirrored, (cosine[1] > cosine[0]).gather(1, where[:, :5]))
        plain = nearest(images, others, 5, block)
        assert torch.equal(found.by_distance, plain.by_distance)
        assert not plain.mirrored.any()


def test_bytes_are_images_in_the_unit_interval():
    # Several contrasts, so that the nearest by cosine and by distance differ.
    contrast = torch.linspace(0.1, 1, 200)[:, None, None, None]
    among = ((0.5 + contrast * (some(200) - 0.5)) * 255).to(torch.uint8)
    images = some(3, 1)
    assert (nearest(images, among).by_cosine != nearest(images, among).by_distance).any()
    for a, b in zip(
        nearest(images, among, 2).__dict__.values(),
        nearest(images, among.float() / 255, 2).__dict__.values(),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_training_sets_are_read_in_blocks(monkeypatch):
    images = (some(50) * 255).to(torch.uint8)
    stored = Stored(images)
    found = nearest(some(2, 1), stored, 2, block=10)
    expected = nearest(some(2, 1), images, 2)
    torch.testing.assert_close(found.distance, expected.distance)
    torch.testing.assert_close(found.by_cosine, expected.by_cosine)
    assert max(stored.taken) <= 16  # a block, or the candidates of two images
    # Many images' candidates are not read at once: each has 2 x 4, of 64 bytes.
    monkeypatch.setattr(pixels, "BLOCK_BYTES", 2048)
    nearest(some(9, 1), stored, 2, block=10)
    assert 16 < max(stored.taken) <= 32


def test_little_memory_gives_the_same(monkeypatch):
    images, among = some(9), some(40, 1)
    expected, patches = nearest(images, among, 2), nearest_patches(images, among, 4)
    monkeypatch.setattr(pixels, "BLOCK_BYTES", 4096)
    found = nearest(images, among, 2)
    torch.testing.assert_close(found.distance, expected.distance)
    torch.testing.assert_close(found.by_cosine, expected.by_cosine)
    torch.testing.assert_close(nearest_patches(images, among, 4)[1], patches[1])


def test_closest_pairs_are_the_same_in_blocks():
    first, second = some(11), some(13, 1)
    expected = nearest(first, second, 1)
    found = closest_pairs(first, second, block=4)
    torch.testing.assert_close(found.cosine, expected.cosine)
    torch.testing.assert_close(found.by_distance, expected.by_distance)


def test_patches_find_the_parts_of_an_image():
    among = some(10)
    image = among[0].clone()
    image[:, :4, 4:] = 0.2 + 0.5 * among[7, :, :4, 4:]
    image[:, 4:, :4] = among[3, :, 4:, :4]
    for block in (None, 3):
        cosine, index = nearest_patches(image[None], among, 4, block)
        assert index.tolist() == [[[0, 7], [3, 0]]]
        torch.testing.assert_close(cosine, torch.ones(1, 2, 2))
    # 8 pixels hold two patches of 3; the rest is left out.
    assert nearest_patches(image[None], among, 3)[0].shape == (1, 2, 2)


def test_the_rule_of_a_third():
    among = torch.zeros(2, 1, 1, 4)
    among[1, 0, 0, 0] = 1.0
    images = torch.zeros(4, 1, 1, 4)
    images[:, 0, 0, 0] = torch.tensor([0.0, 0.24, 0.26, 0.9])  # a third is reached at 1/4
    assert memorized_by_distance(images, nearest(images, among, 2)).tolist() == [
        True,
        True,
        False,
        True,
    ]


def test_memorized_where_training_images_are_equal():
    among = some(5)[[0, 1, 1, 2]]
    images = torch.stack([among[1], among[1] + 0.01, among[0] + 0.01])
    assert memorized_by_distance(images, nearest(images, among, 2)).tolist() == [True, False, True]


def test_memorized_with_a_single_training_image():
    among = some(1)
    noise = some(3, 1)
    images = torch.cat([among, among + 0.001 * noise[:1], noise, torch.full((1, 1, 8, 8), 0.5)])
    found = memorized_by_distance(images, nearest(images, among, 2)).tolist()
    assert found == [True, True, False, False, False, False]


def judged(images, among, k=2):
    return fit(images, among, nearest(images, among, k))


def test_a_fit_is_least_squares():
    images, among = some(6), 0.1 + 0.6 * some(30, 1)
    found = nearest(images, among, 2)
    fitted = fit(images, among, found)
    assert (found.cosine > 0).all()
    for i in range(6):
        for rank in range(2):
            x, y = among[found.by_cosine[i, rank]].flatten().double(), images[i].flatten().double()
            design = torch.stack([x, torch.ones(64)], 1)
            a, b = torch.linalg.lstsq(design, y[:, None]).solution[:, 0]
            torch.testing.assert_close(fitted.scale[i, rank].double(), a, rtol=1e-5, atol=0)
            residual = (y - a * x - b).norm() / (y - y.mean()).norm()
            torch.testing.assert_close(fitted.residual[i, rank].double(), residual)
    torch.testing.assert_close(fitted.residual, (1 - found.cosine**2).sqrt(), atol=1e-5, rtol=0)
    torch.testing.assert_close(fitted.ratio, fitted.residual[:, 0] / fitted.residual[:, 1])


@pytest.mark.parametrize("N", [1, 2, 50])
def test_the_whole_ray_of_a_training_image_is_memorized(N):
    among = some(N)
    scale = torch.linspace(0.2, 2, 10)
    column = scale[:, None, None, None]
    images = column * among[:1] + 0.5 * column.flip(0)
    fitted = judged(images, among)
    assert fitted.memorized.all()
    torch.testing.assert_close(fitted.scale[:, 0], scale)
    noisy = judged(images + 0.01 * column * (some(10, 1) - 0.5), among)
    assert noisy.memorized.all()
    assert (noisy.ratio < 0.05).all()
    if N > 1:
        assert not memorized_by_distance(images, nearest(images, among, 2)).all()


@pytest.mark.parametrize("N", [1, 2, 50])
def test_other_images_are_not_memorized(N):
    among = some(N)
    unrelated = some(200, 1)
    assert not judged(unrelated, among).memorized.any()
    assert not judged(1 - among[:1], among).memorized.any()
    blank = judged(torch.full((1, 1, 8, 8), 0.5), among)
    assert not blank.memorized.any()
    assert (blank.scale == 0).all()
    if N > 1:
        assert not judged(among[:1] + among[1:2], among).memorized.any()


def test_contrast_and_brightness_do_not_change_the_ratio():
    among = some(20)
    images = among[:5] + 0.6 * some(5, 1)
    expected = judged(images, among)
    changed = judged(0.3 * images + 0.4, among)
    torch.testing.assert_close(changed.ratio, expected.ratio, rtol=1e-4, atol=0)
    torch.testing.assert_close(changed.scale, 0.3 * expected.scale, rtol=1e-4, atol=0)
    contrast = torch.linspace(0.1, 3, 20)[:, None, None, None]
    torch.testing.assert_close(
        judged(images, contrast * among).ratio, expected.ratio, rtol=1e-4, atol=0
    )


@pytest.mark.parametrize("copies", [2, 3, 20])
def test_a_copy_of_an_image_with_duplicates_is_memorized(copies):
    """Duplicates at other contrasts, mirrored where these are compared, and with a little noise."""
    among, noise = some(5), 0.02 * some(copies, 1)
    scale = torch.linspace(0.3, 1, copies)[:, None, None, None]
    copy = among[:1] + 0.05 * some(1, 2)
    for of, mirrored in ((among[:1], False), (among[:1].flip(-1), True)):
        held = torch.cat([of * scale + noise, among])
        found = nearest(copy, held, 2, mirrored=mirrored)
        fitted = fit(copy, held, found, mirrored)
        assert fitted.memorized.all()
        assert fitted.index[0, 1] > copies
        assert fitted.ratio > 0.9 * judged(copy, among).ratio
    # The mean of two images is not a copy of either, nor of their duplicates.
    assert not judged(among[:1] + among[1:2], torch.cat([among[:2]] * copies + [among])).memorized


def test_a_cluster_ends_where_the_distance_trebles():
    distance = torch.tensor([
        [0.1, 0.2, 0.3, 0.4],  # nowhere
        [0.1, 0.2, 0.5, 0.7],  # nowhere: it does not triple
        [0.1, 0.11, 0.34, 0.7],  # after the second: it does, and a little more
        [0.1, 0.3, 0.5, 0.7],  # after the first
        [0.1, 0.1, 0.1, 0.3],  # after the third
        [0.01, 0.05, 0.06, 0.9],  # after the first, and again: the last one counts
        [0.0, 0.0, 0.5, 0.9],
    ])  # fmt: skip
    assert second_rank(distance).tolist() == [1, 1, 2, 1, 3, 3, 2]


def test_mirrored_copies_are_memorized_where_mirror_images_are_compared():
    among = some(20)
    copies = 0.2 + 0.5 * among[:4].flip(-1)
    assert not judged(copies, among).memorized.any()
    found = nearest(copies, among, 2, mirrored=True)
    fitted = fit(copies, among, found, mirrored=True)
    assert found.mirrored[:, 0].all() and fitted.memorized.all()
    torch.testing.assert_close(fitted.scale[:, 0], torch.full((4,), 0.5))
    torch.testing.assert_close(fitted.residual[:, 1], (1 - found.cosine[:, 1] ** 2).sqrt())


@pytest.mark.parametrize("blanks", [0, 1, 40])
def test_a_blank_sample_is_memorized_if_the_training_set_holds_blank_images(blanks):
    gray = torch.linspace(0, 1, max(blanks, 1))[:blanks, None, None, None]
    among = torch.cat([some(5), gray.expand(-1, 1, 8, 8)])
    images = torch.cat([torch.full((1, 1, 8, 8), 0.77), some(3, 1)])
    assert judged(images, among).memorized.tolist() == [blanks > 0, False, False, False]


def test_blank_training_images_explain_nothing():
    among = torch.cat([some(1), torch.full((1, 1, 8, 8), 0.3)])
    fitted = judged(torch.cat([0.5 * some(1), some(1, 1)]), among)
    assert fitted.memorized.tolist() == [True, False]
    torch.testing.assert_close(fitted.residual[:, 1], torch.ones(2))
