"""One timer that wakes Snakemake's scheduler, instead of one more for each job that has ended.

After each evaluation the scheduler has itself woken a second later, when more jobs may be started
than its rate limit allowed; that evaluation does the same, and so on until the run ends. Each job
that ends adds such a chain.
"""

import threading

from snakemake.scheduling.job_scheduler import JobScheduler


def wake_once() -> None:
    """Let Snakemake's scheduler wait for one timer at a time."""
    JobScheduler._schedule_reevalutation = _wake_later


def _wake_later(scheduler: JobScheduler, delay: float) -> None:
    waiting = getattr(scheduler, "_waiting", None)
    if waiting is None or not waiting.is_alive():
        scheduler._waiting = threading.Timer(delay, scheduler._open_jobs.release)
        scheduler._waiting.daemon = True  # nothing waits for it at the end
        scheduler._waiting.start()
