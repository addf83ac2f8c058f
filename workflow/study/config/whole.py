"""The whole config: its sections, and the one way to check it."""

from collections.abc import Mapping

from pydantic import Field, ValidationError

from study.config import analyses
from study.config.base import Entry, Name, integer, several
from study.config.between import mistakes_between
from study.config.between_studies import size_of_all, study_mistakes
from study.config.datasets import Dataset
from study.config.denoisers import Denoiser
from study.config.messages import ConfigError
from study.config.studies import Study
from study.config.training import Training


class Config(Entry):
    """Config of the study."""

    RENAMED = {"networks": "denoisers", "trainings": "training", "sampling": "samples"}

    seed: integer(ge=0) = 0
    """Seed from which every job derives its own."""
    run: several(str) | None = None
    """Studies that `all` runs; all of them if null."""
    datasets: dict[Name, Dataset]
    """Data sets by name."""
    denoisers: dict[Name, Denoiser]
    """Denoisers by name: a network's architecture and its training, the weights of a network
    trained elsewhere, a function that returns a denoiser, or a closed form of the training set."""
    training: dict[Name, Training]
    """Training recipes by name."""
    studies: dict[Name, Study]
    """Studies by name. Everything that their figures need is computed."""
    psnr: analyses.Psnr = Field(default_factory=analyses.Psnr)
    samples: analyses.Samples = Field(default_factory=analyses.Samples)
    calibration: analyses.Calibration = Field(default_factory=analyses.Calibration)
    agreement: analyses.Agreement = Field(default_factory=analyses.Agreement)
    dynamics: analyses.Dynamics = Field(default_factory=analyses.Dynamics)
    similarity: analyses.Similarity = Field(default_factory=analyses.Similarity)
    eigenbasis: analyses.Eigenbasis = Field(default_factory=analyses.Eigenbasis)
    properties: analyses.Properties = Field(default_factory=analyses.Properties)
    density: analyses.Density = Field(default_factory=analyses.Density)


def checked(config: Mapping) -> dict:
    """A copy of `config` with every default filled in.

    Raises:
        ConfigError: unknown keys, wrong values, names of no entry, impossible combinations.
    """
    try:
        found = Config.model_validate(dict(config)).model_dump()
    except ValidationError as error:
        (whole,) = error.errors(include_url=False)
        pairs = sorted(whole["ctx"]["mistakes"], key=lambda pair: pair[0])
        raise ConfigError([f"{key or 'the top level'}: {text}" for key, text in pairs]) from None
    if mistakes := mistakes_between(found):
        raise ConfigError(mistakes)
    run = found["run"] or list(found["studies"])
    for name in run:
        if found["studies"][name]["sizes"] == "all":
            found["studies"][name]["sizes"] = [size_of_all(found, name)]
    if mistakes := [mistake for name in run for mistake in study_mistakes(found, name)]:
        raise ConfigError(mistakes)
    return found
