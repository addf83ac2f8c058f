"""When two images are near-duplicates, wherever that is asked."""

#: |cosine| of the mean-removed images above which they are, as in the paper (appendix A).
ALIKE = 0.95
