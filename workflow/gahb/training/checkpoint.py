"""Checkpoints, from which a killed training continues."""

import contextlib
import glob
import hashlib
import os
import time
from pathlib import Path

import numpy as np
import torch

from gahb.packages import Needed
from gahb.training.state import Training, below

safetensors, safetensors_torch = Needed("safetensors"), Needed("safetensors.torch")


class CheckpointError(Exception):
    """The checkpoint cannot be written, or cannot be used; the message says which and why."""


class Checkpoint:
    """A file from which a killed training continues exactly where it was.

    Its name ends in a hash of the settings, so that a checkpoint with other settings is not found.

    Args:
        weights: path of the training's result; checkpoints are next to it.
        settings: settings of the training.
        minutes: minutes between two saves.

        log is a path at which the log of the job so far may be kept, as long as there is a
            checkpoint.
    """

    def __init__(self, weights: str | Path, settings: str, minutes: float):
        self.weights, self.settings, self.minutes = Path(weights), settings, minutes
        digest = hashlib.sha256(settings.encode()).hexdigest()[:16]
        self.path = self.weights.with_name(f"{self.weights.name}.{digest}.checkpoint")
        self.log = self.path.with_name(f"{self.path.name}.log")
        self.saved = time.monotonic()

    def due(self) -> bool:
        return time.monotonic() - self.saved > 60 * self.minutes

    def save(self, training: Training, history: dict[str, np.ndarray]) -> None:
        """Replace the checkpoint, whole or not at all.

        Raises:
            Diverged: the training has diverged; the checkpoint is unchanged.
            CheckpointError: it cannot be written, and is unchanged.
        """
        training.check()
        tensors = {k: v.detach().contiguous().cpu() for k, v in training.state().items()}
        tensors |= {f"history/{k}": torch.from_numpy(v) for k, v in history.items()}
        partial = self.path.with_name(f"{self.path.name}.partial")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            safetensors_torch.save_file(tensors, partial, {"settings": self.settings})
            with open(partial, "rb") as file:
                os.fsync(file.fileno())
            partial.replace(self.path)
        except (OSError, safetensors.SafetensorError) as error:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            raise CheckpointError(f"{self.path}: cannot be written ({error})") from error
        self.saved = time.monotonic()

    def restore(self, training: Training) -> dict[str, np.ndarray]:
        """Load the checkpoint into `training` if there is one; returns the history so far.

        Raises:
            CheckpointError: it is damaged, or has other settings.
        """
        if not self.path.exists():
            return {}
        try:
            with safetensors.safe_open(self.path, "pt") as file:
                settings = file.metadata()["settings"]
            tensors = safetensors_torch.load_file(self.path)
        except Exception as error:
            raise CheckpointError(f"{self.path}: is damaged ({error}); delete it") from error
        if settings != self.settings:
            raise CheckpointError(f"{self.path}: belongs to other settings; delete it")
        training.load(tensors)
        return {k: v.numpy() for k, v in below(tensors, "history").items()}

    def remove(self) -> None:
        """Remove all checkpoints next to the weights, including those with other settings."""
        for path in self.weights.parent.glob(f"{glob.escape(self.weights.name)}.*.checkpoint*"):
            path.unlink()
