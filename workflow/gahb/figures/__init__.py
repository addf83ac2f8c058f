"""The figures of the paper, one module each: stores in, a matplotlib figure out."""
