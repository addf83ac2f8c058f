"""A file from a URL, kept if and only if it has the SHA-256 of the config.

Output: data/{sha256}/{file}.
"""

from pathlib import Path

import pooch
from study.job import Job, run


def main(fetched: str, *, url: str, sha256: str, job: Job = Job()) -> None:
    target = Path(fetched)
    try:
        pooch.retrieve(url, f"sha256:{sha256}", target.name, target.parent, progressbar=True)
    except Exception as error:
        raise ValueError(f"{url} could not be fetched: {error}") from error


if __name__ == "__main__":
    # The URL is not among the values: the same file from elsewhere makes nothing stale.
    entries = snakemake.config["datasets"].values()
    sha256 = snakemake.wildcards.sha256
    run(main, snakemake, url=next(e["path"] for e in entries if e.get("sha256") == sha256))
