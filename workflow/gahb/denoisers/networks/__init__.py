"""Networks trained here, one file each, which predict the noise in an image."""
