"""When two images are near-duplicates, wherever that is asked."""

#: |cosine| above which they are once the mean of each is removed: the paper's.
ALIKE = 0.95
