"""How alike images are: nearest training images, memorization, reproducibility."""
