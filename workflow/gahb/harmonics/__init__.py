"""How harmonic eigenvectors are, and how well a basis is adapted to its image.

`oscillation` looks at each eigenvector's local spectrum, `adaptivity` at how few coefficients an
image has in the basis of its own noisy version, and `geometries` at images whose geometry is known.
"""
