"""Whether samples are copies of training images: what both sides hold, the judgement, the page."""

from gahb.copies.judgement import Audit, audit

__all__ = ["Audit", "audit"]
