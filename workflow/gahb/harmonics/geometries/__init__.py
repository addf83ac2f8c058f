"""Images whose geometry is known: one module per source, with the same name.

Each has

- `FIELDS`: dimensions, meaning and unit of each measurement of a basis, by name. NAME_null is NAME
  measured with the geometry of other images of the data set.
- `geometry(data, index, seed)`: the known geometry of the images of these indices, (image, ...),
  from images.zarr or from the seed with which they were made.
- `measured(vectors, eigenvalues, own, others)`: the values of these fields, given the leading
  eigenvectors (rank, channel, y, x), the image's own geometry, and other images' geometries (draw,
  ...).
"""
