"""The loop: whoever runs it keeps the books (history, progress, checkpoints, signals)."""

from collections.abc import Iterator

from gahb.training.state import Training


def train(training: Training) -> Iterator[int]:
    """Train to the last step of the recipe from where `training` is.

    Yields: the number of steps taken, after each one. The training may be measured and saved then.
    """
    while training.step < training.recipe.steps:
        training.network.train()
        training.advance()
        yield training.step
