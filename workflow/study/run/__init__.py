"""A run of snakemake: what it is told of the stages, what it checks first, and what it says."""
