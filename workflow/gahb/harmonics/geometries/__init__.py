"""Images whose geometry is known: one module for each source of which it is, of the same name.

Each has

- `FIELDS`: what it measures of one basis: dimensions, meaning and unit, by name. NAME_null is what
  NAME is of the geometry of other images of the data set.
- `geometry(data, index, seed)`: what is known of the images of these indices, (image, ...), from
  images.zarr or from the seed that they were made with.
- `measured(vectors, eigenvalues, own, others)`: the values of these fields, of the leading
  eigenvectors (rank, channel, y, x), the image's own geometry, and that of others (draw, ...).
"""
