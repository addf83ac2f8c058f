"""The stages of the study, each declared once; `study.stage` says what a stage is.

Everything that plans, runs or checks a stage learns it from here.
"""

from study.stages import analyses, denoisers, figures, images

STAGES = {
    stage.name: stage
    for stages in (images, denoisers, analyses, figures)
    for stage in stages.STAGES
}
