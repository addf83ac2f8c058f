"""The jobs that snakemake would run, as reported by its logger."""

import logging
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

from snakemake.cli import main
from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent


def planned(arguments: list[str]) -> list[logging.LogRecord]:
    """The report of `snakemake --dry-run` on each job.

    Args:
        arguments: further arguments of snakemake.

    Raises:
        SystemExit: the dry run has failed; holds its output.
    """
    jobs = []

    def collect(record: logging.LogRecord) -> bool:
        if getattr(record, "event", None) == LogEvent.JOB_INFO:
            jobs.append(record)
        return True

    said = StringIO()
    logger.addFilter(collect)  # a handler would be removed when snakemake sets up its own ones
    try:
        with redirect_stdout(said), redirect_stderr(said):
            main(["--dry-run", *arguments])
    except SystemExit as done:
        if done.code:
            sys.exit(said.getvalue())
    finally:
        logger.removeFilter(collect)
    return jobs
