"""The config values that each stage of the study uses, and the modules that its script imports."""

from study.stages import analyses, denoisers, figures, images

STAGES = images.STAGES | denoisers.STAGES | analyses.STAGES | figures.STAGES
