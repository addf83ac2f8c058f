"""`gahb audit`: the audit from the command line."""

import argparse
import csv
import sys
from pathlib import Path

from gahb.packages import Needed

tqdm = Needed("tqdm")

DESCRIPTION = """Are samples copies of training images?

Images may lie in folders (nested, links are followed), zip and tar files, .npy, .npz, Parquet,
LMDB, zarr, HDF5, IDX and PyTorch files. Writes index.html, which opens offline, pairs.csv and
audit.zarr. Exit status: 0; 1 if images cannot be used; 3 with --fail-above."""


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("gahb")
    audit = parser.add_subparsers(dest="command", required=True).add_parser(
        "audit",
        help="are samples copies of training images?",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    audit.add_argument("--train", required=True, metavar="PATH", help="training images")
    audit.add_argument("--samples", required=True, metavar="PATH", help="generated images")
    audit.add_argument("--held-out", metavar="PATH", help="images like them that no model saw")
    audit.add_argument("--side", type=_positive, help="pixels to which images are resized")
    audit.add_argument("--out", default="audit", metavar="FOLDER", help="default: audit")
    audit.add_argument(
        "--private",
        action="store_true",
        help="show no training image, and no sample that is called a copy",
    )
    audit.add_argument(
        "--fail-above",
        type=_fraction,
        metavar="FRACTION",
        help="exit with status 3 if more of the samples are copies",
    )
    audit.add_argument("--workers", type=_positive, metavar="N", help="threads that read images")
    audit.add_argument(
        "--embedding",
        metavar="MODULE:FUNCTION",
        help="returns a network, by whose features images are compared, too",
    )
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text}, expected a positive number")
    return int(text)


def _fraction(text: str) -> float:
    try:
        if 0 <= float(text) <= 1:
            return float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"found {text}, expected a fraction from 0 to 1")


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    given = arguments().parse_args(argv)
    # Here, so that --help answers at once.
    from gahb import store
    from gahb.copies.judgement import Pair, audit
    from gahb.copies.page import page
    from gahb.copies.words import verdict
    from gahb.datasets.base import ImageError

    def bar(total: int, doing: str):
        return tqdm.tqdm(
            total=total,
            desc=doing,
            unit=" images",
            unit_scale=True,
            disable=not sys.stderr.isatty(),
        )

    out = Path(given.out)
    try:
        out.mkdir(parents=True, exist_ok=True)  # before hours of work
    except OSError as error:
        print(f"gahb audit: --out {out}: cannot be a folder ({error.strerror})", file=sys.stderr)
        return 1
    try:
        found = audit(
            given.train,
            given.samples,
            given.held_out,
            side=given.side,
            workers=given.workers,
            embedding=given.embedding,
            bar=bar,
        )
    except (ImageError, ImportError, AttributeError, TypeError, ValueError) as error:
        keys = isinstance(error, ImageError) and "`" in str(error)
        said = " (`…` are keys of a data set in a study; the audit has none: convert the images)"
        print(f"gahb audit: {error}{said if keys else ''}", file=sys.stderr)
        return 1
    with store.atomic(out / "index.html") as partial:
        partial.write_text(page(found, given.private), encoding="utf-8")
    with (
        store.atomic(out / "pairs.csv") as partial,
        open(partial, "w", newline="", encoding="utf-8") as file,
    ):
        table = csv.writer(file)
        table.writerow(Pair._fields)
        for pair in found.pairs:
            table.writerow([f"{v:.6g}" if isinstance(v, float) else v for v in pair])
    store.save(found.found, out / "audit.zarr")
    print(f"{found.compared}.", *verdict(found), f"{out / 'index.html'}", sep="\n")
    return 3 if given.fail_above is not None and found.fraction > given.fail_above else 0


if __name__ == "__main__":
    sys.exit(main())
