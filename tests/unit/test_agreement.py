"""Measures of agreement for outputs that differ in a known way."""

import torch
from gahb.agreement import measures

B = torch.rand(5, 1, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_a_denoiser_explains_itself_completely():
    found = measures(B, B, 0.3)
    for name, perfect in {"r": 1, "r2": 1, "explained": 1, "mse": 0, "score_distance": 0}.items():
        torch.testing.assert_close(found[name], torch.full((5,), float(perfect)).double())


def test_contrast_and_mean_change_everything_but_the_correlation():
    found = measures(2 * B + 0.1, B, 0.3)
    torch.testing.assert_close(found["r"], torch.ones(5).double())
    assert (found["r2"] < 0).all() and (found["explained"] < 1).all()


def test_the_mean_explains_nothing_of_the_variance():
    mean = B.mean((1, 2, 3), keepdim=True).expand_as(B)
    torch.testing.assert_close(measures(mean, B, 0.3)["r2"], torch.zeros(5).double())


def test_the_score_distance_of_two_denoisers_a_constant_apart():
    found = measures(B + 0.01, B, 0.1)
    torch.testing.assert_close(found["mse"], torch.full((5,), 1e-4).double())
    torch.testing.assert_close(found["score_distance"], torch.full((5,), 36.0).double())
