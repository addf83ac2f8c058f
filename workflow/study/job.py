"""What every script does: its log, its threads, its device, its errors."""

import contextlib
import sys
import traceback

import torch
from gahb import store


class Job:
    """One job of Snakemake.

    values: the config values that the job uses.
    input, output: its files, as Snakemake gives them.
    made_by: parameters for the provenance of its stores.
    device: the GPU if there is one, else the CPU.
    """

    def __init__(self, snakemake):
        self.input, self.output = snakemake.input, snakemake.output
        self.values = snakemake.params.values
        self.made_by = {k: snakemake.params[k] for k in ("values", "code", "upstream")}
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextlib.contextmanager
def running(snakemake):
    """The job, with everything that it prints in its log and errors in a line at the end.

    If it fails, its input stores are checked, so that the one that is damaged is named.

    The number of threads is the rule's: results of a CPU depend on it in the last bits.
    """
    torch.set_num_threads(snakemake.threads)
    with open(snakemake.log[0], "w", buffering=1) as log:
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            try:
                yield Job(snakemake)
            except Exception as error:
                traceback.print_exc()
                names = ", ".join(f"{k}={v}" for k, v in snakemake.wildcards.items())
                print(f"\n{snakemake.rule} ({names}): {error}")
                for path in snakemake.input:
                    if path.endswith(".zarr"):
                        print(*store.problems(path), sep="\n", end="")
                sys.exit(1)
