"""What every script does: its log, its threads, its device, its errors."""

import contextlib
import os
import sys
import traceback

import torch
from gahb import store
from tqdm import tqdm

_LINE = "{n_fmt} of {total_fmt}{unit}, {rate_fmt}{postfix}, {elapsed} passed, {remaining} left"


class _Lines(tqdm):
    """Progress as plain lines: a bar would be drawn over and over in one line of the log."""

    @staticmethod
    def status_printer(file):
        return lambda line: line and print(line.strip(), file=file, flush=True)


class Job:
    """One job of Snakemake.

    values: the config values that the job uses.
    input, output: its files, as Snakemake gives them.
    made_by: parameters for the provenance of its stores.
    device: the GPU if there is one, else the CPU.
    name: the rule and its wildcards.
    """

    def __init__(self, snakemake):
        self.input, self.output = snakemake.input, snakemake.output
        self.values = snakemake.params.values
        self.made_by = dict(snakemake.params.items())
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        names = ", ".join(f"{k}={v}" for k, v in snakemake.wildcards.items())
        self.name = f"{snakemake.rule} ({names})"

    def progress(self, total: int, unit: str) -> tqdm:
        """A bar on the terminal, or without one a line in the log each minute."""
        shape = {"total": total, "unit": f" {unit}", "unit_scale": True}
        if sys.__stderr__.isatty():
            # It vanishes at the end, so that jobs side by side take turns in one line.
            return tqdm(**shape, desc=self.name, file=sys.__stderr__, leave=False, mininterval=1)
        return _Lines(**shape, bar_format=_LINE, delay=1, mininterval=60, maxinterval=60)


@contextlib.contextmanager
def running(snakemake):
    """The job, with everything that it prints in its log and errors in a line at the end.

    If it fails, its input stores are checked, so that the one that is damaged is named.

    The number of threads is the rule's: results of a CPU depend on it in the last bits.
    """
    torch.set_num_threads(snakemake.threads)
    with open(snakemake.log[0], "w", buffering=1) as log:
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            if "SLURM_JOB_ID" in os.environ:
                print(f"SLURM job {os.environ['SLURM_JOB_ID']} on {os.environ['SLURMD_NODENAME']}")
            job = Job(snakemake)
            try:
                yield job
            except Exception as error:
                traceback.print_exc()
                print(f"\n{job.name}: {error}")
                for path in snakemake.input:
                    if path.endswith(".zarr"):
                        print(*store.problems(path), sep="\n", end="")
                sys.exit(1)
