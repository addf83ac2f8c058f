"""The threshold above which two images count as near-duplicates, used everywhere."""

#: |cosine| with the mean of each image removed; the paper's value.
ALIKE = 0.95
