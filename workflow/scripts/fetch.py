"""A file from a URL, kept if and only if its SHA-256 is the one in the config.

Output: data/{sha256}/{file}.
"""

from pathlib import Path

import pooch
from study.job import running

with running(snakemake) as job:
    # The URL is not among the params: the same file from elsewhere makes nothing stale.
    sha256 = snakemake.wildcards.sha256
    url = next(
        entry["path"]
        for entry in snakemake.config["datasets"].values()
        if entry.get("sha256") == sha256
    )
    target = Path(job.output[0])
    try:
        pooch.retrieve(url, f"sha256:{sha256}", target.name, target.parent, progressbar=True)
    except Exception as error:
        raise ValueError(f"{url} could not be fetched: {error}") from error
