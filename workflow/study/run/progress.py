"""What a run says while it runs: which job starts, how many are left, and for about how long.

A log has Snakemake's own messages, line by line. On a terminal, whose last line the bars of the
jobs share, a job is one line. The log that Snakemake keeps in .snakemake/log has everything.
"""

import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable

from snakemake.logging import DefaultFormatter
from snakemake_interface_logger_plugins.common import LogEvent

#: Back to the start of the line and erase it: a job's bar may stand there.
ERASE = "\r\x1b[K"
SELECTING = "Select jobs to execute..."


class TimeLeft:
    """An estimate from the times that the finished jobs of each rule took.

    Args:
        jobs: number of jobs of each rule; others take no time.
        clock: in seconds.
    """

    def __init__(self, jobs: dict[str, int], clock: Callable[[], float] = time.monotonic):
        self.jobs, self.left, self.clock = jobs, Counter(jobs), clock
        self.begin = clock()
        self.running: dict[int, tuple[str, float]] = {}
        self.took: dict[str, list[float]] = defaultdict(list)

    def started(self, job: int, rule: str) -> None:
        if rule in self.jobs:
            self.running[job] = rule, self.clock()

    def finished(self, job: int) -> None:
        if job in self.running:
            rule, start = self.running.pop(job)
            self.took[rule].append(self.clock() - start)
            self.left[rule] -= 1

    def failed(self, job: int) -> None:
        self.running.pop(job, None)

    def seconds(self) -> float | None:
        """Seconds left; None until rules with half of all jobs have each finished one."""
        now = self.clock()
        enough = 2 * sum(self.jobs[rule] for rule in self.took) >= sum(self.jobs.values())
        if not self.took or not enough or now == self.begin:
            return None
        mean = {rule: statistics.mean(times) for rule, times in self.took.items()}
        of_any = statistics.mean(t for times in self.took.values() for t in times)
        passed = {job: now - start for job, (_, start) in self.running.items()}
        ahead = sum(n * mean.get(rule, of_any) for rule, n in self.left.items())
        ahead -= sum(
            min(passed[job], mean.get(rule, of_any)) for job, (rule, _) in self.running.items()
        )
        # Jobs at a time, on average so far.
        speed = (sum(map(sum, self.took.values())) + sum(passed.values())) / (now - self.begin)
        return ahead / speed if speed else None


class Messages(DefaultFormatter):
    """Snakemake's messages with the time left, and on a terminal a line for each job.

    Args:
        handler: whose formatter this becomes.
        time_left: told of every job.
    """

    def __init__(self, handler, time_left: TimeLeft):
        super().__init__(handler.formatter.quiet, handler.formatter.show_failed_logs)
        self.handler, self.time_left = handler, time_left

    def format(self, record) -> str:
        event = getattr(record, "event", None)
        if event == LogEvent.JOB_INFO:
            self.time_left.started(record.jobid, record.rule_name)
        elif event == LogEvent.JOB_FINISHED:
            self.time_left.finished(record.job_id)
        elif event == LogEvent.JOB_ERROR:
            self.time_left.failed(record.jobid)
        if not self.handler.is_tty:
            return super().format(record)
        # Else the handler writes a blank line before a job, and leaves a bar standing above it.
        self.handler.last_msg_was_job_info = True
        if event in (LogEvent.JOB_STARTED, LogEvent.JOB_FINISHED) or record.msg == SELECTING:
            return ""
        return ERASE + super().format(record)

    def format_job_info(self, msg: dict) -> str:
        if not self.handler.is_tty:
            return super().format_job_info(msg)
        names = ", ".join(f"{name}={value}" for name, value in msg["wildcards"].items())
        return f"{msg['rule_name']} ({names})" if names else msg["rule_name"]

    def format_progress(self, msg: dict) -> str:
        left, seconds = msg["total"] - msg["done"], self.time_left.seconds()
        about = f", about {in_words(seconds)}" if seconds is not None else ""
        return super().format_progress(msg) + (f", {left} left{about}" if left else "")


def in_words(seconds: float) -> str:
    """A duration to the minute."""
    minutes = max(1, round(seconds / 60))
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def show(logger, jobs: dict[str, int]) -> None:
    """Have Snakemake's logger say it.

    Args:
        logger: snakemake.logging.logger.
        jobs: number of jobs of each rule.
    """
    time_left = TimeLeft({rule: n for rule, n in jobs.items() if rule not in ("all", "total")})
    for handler in logger.handlers:
        if handler.name == "DefaultStreamHandler":
            handler.setFormatter(Messages(handler, time_left))
