"""What each stage of the study uses of the config, and which modules its script imports."""

from study.stages import analyses, denoisers, figures, images

STAGES = images.STAGES | denoisers.STAGES | analyses.STAGES | figures.STAGES
