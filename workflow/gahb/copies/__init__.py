"""Whether samples are copies of training images: the images, the judgement, the page."""

from gahb.copies.judgement import Audit, audit

__all__ = ["Audit", "audit"]
