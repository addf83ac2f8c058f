"""Does this installation compute correctly? Takes seconds on one core, needs only the library.

    python -m gahb.selftest

Each check compares a result with a closed form written out here. The first one that fails ends the
run with an AssertionError that shows both.
"""

import time

import torch

import gahb
from gahb.denoisers import built, fit
from gahb.eigenbasis import eigenbasis
from gahb.samples.flow import followed, noise_levels
from gahb.samples.gaussian import gaussian_flow

SIGMA = 0.3
#: Training images, noisy images, and images for the audit: (image, channel, y, x).
IMAGES, NOISY, NEW = torch.rand(3, 40, 1, 6, 6, generator=torch.Generator().manual_seed(0))


def _gain() -> tuple[torch.Tensor, torch.Tensor]:
    """Mean m and C (C + sigma^2)^-1 of the training images, in float64."""
    x = IMAGES.double().flatten(1)
    covariance = torch.cov(x.T, correction=0)
    return x.mean(0), covariance @ torch.linalg.inv(covariance + SIGMA**2 * torch.eye(len(x.T)))


def wiener():
    """The Wiener filter is the posterior mean of a Gaussian, m + C (C + sigma^2)^-1 (y - m)."""
    mean, gain = _gain()
    expected = mean + (NOISY.double().flatten(1) - mean) @ gain
    found = built("wiener", fit("wiener", IMAGES), IMAGES)(NOISY, SIGMA)
    torch.testing.assert_close(found.flatten(1).double(), expected, rtol=0, atol=1e-5)


def memorizer():
    """The memorizer is the mean of its images, weighted by how likely the noise makes them."""
    distances = torch.cdist(NOISY.double().flatten(1), IMAGES.double().flatten(1))
    weights = torch.softmax(-(distances**2) / (2 * SIGMA**2), 1)
    found = built("memorizer", {}, IMAGES)(NOISY, SIGMA)
    expected = weights @ IMAGES.double().flatten(1)
    torch.testing.assert_close(found.flatten(1).double(), expected, rtol=0, atol=1e-5)


def jacobian():
    """A linear denoiser's Jacobian is its matrix: its trace, and its largest shrinkage factors."""
    _, gain = _gain()
    f = built("wiener", fit("wiener", IMAGES), IMAGES)
    found = eigenbasis(f, NOISY[0], IMAGES[0], SIGMA)
    expected = torch.linalg.eigvalsh(gain).flip(0)
    torch.testing.assert_close(
        torch.as_tensor(found.shrinkage).double(), expected, rtol=0, atol=1e-5
    )
    torch.testing.assert_close(float(found.trace), float(expected.sum()), rtol=0, atol=1e-4)


def flow():
    """The probability flow of a Gaussian, in many steps, ends where its closed form does."""
    f = built("wiener", fit("wiener", IMAGES), IMAGES).double()
    y = NOISY[:4].double()
    found = followed(f, y, noise_levels(1.0, 0.01, 100))
    torch.testing.assert_close(found, gaussian_flow(f, y, 1.0, 0.01), rtol=0, atol=1e-3)


def audit():
    """An audit finds both copies among forty samples, one with another contrast, and no others."""
    samples = NEW.clone()
    samples[7], samples[11] = IMAGES[3], 0.2 + 0.5 * IMAGES[5]
    found = gahb.audit(IMAGES.numpy(), samples.numpy(), NOISY.numpy(), device="cpu")
    copies = found.found.memorized.values.nonzero()[0].tolist()
    assert copies == [7, 11], f"copies: found samples {copies}, planted were 7 and 11"
    assert found.found.nearest.values[[7, 11]].tolist() == [3, 5]
    assert found.false_positives == 0, f"held-out images: {found.false_positives} flagged as copies"


if __name__ == "__main__":
    torch.set_num_threads(1)  # the images are small
    for check in (wiener, memorizer, jacobian, flow, audit):
        start = time.perf_counter()
        check()
        print(f"{check.__name__}: {check.__doc__} {time.perf_counter() - start:.1f} s")
