"""The jobs that a run of snakemake would run, as its logger tells them."""

import logging
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

from snakemake.cli import main
from snakemake_interface_logger_plugins.common import LogEvent


def planned(arguments: list[str]) -> list[logging.LogRecord]:
    """What `snakemake --dry-run` says of each job.

    Args:
        arguments: further ones of snakemake.

    Raises:
        SystemExit: the dry run has failed; with what it has said.
    """
    jobs = []

    class Collect(logging.Handler):
        def emit(self, record):
            if getattr(record, "event", None) == LogEvent.JOB_INFO:
                jobs.append(record)

    said = StringIO()
    from snakemake.logging import logger

    logger.addHandler(Collect())
    try:
        with redirect_stdout(said), redirect_stderr(said):
            main(["--dry-run", *arguments])
    except SystemExit as done:
        if done.code:
            sys.exit(said.getvalue())
    return jobs
