"""The training loop; its caller handles history, progress, checkpoints and signals."""

from collections.abc import Iterator

from gahb.training.state import Training


def train(training: Training) -> Iterator[int]:
    """Train from the current step of `training` to the last step of the recipe.

    Yields: the number of steps taken, after each one. The training may be measured and saved then.
    """
    while training.step < training.recipe.steps:
        training.network.train()
        training.advance()
        yield training.step
