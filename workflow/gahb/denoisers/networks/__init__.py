"""Networks that are trained here, one file each, which predict the noise of an image."""
