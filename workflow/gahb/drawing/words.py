"""What figures say: a sentence above each, and one name and one colour for one thing in all."""

import math
import re
import textwrap

import numpy as np
from matplotlib.figure import Figure

#: By the name of a reference's module: its name in words, colour and line. Networks are blue.
REFERENCES = {
    "wiener": ("Wiener filter", "C2", "-"),
    "pca_locality": ("PCA locality", "C2", "--"),
    "threshold": ("wavelet thresholds", "C2", ":"),
    "memorizer": ("memorizer", "C1", "-"),
    "mixture": ("Gaussian mixture", "C1", "--"),
    "equivariant": ("equivariant machine", "C3", "-"),
    "borderless": ("borderless machine", "C3", "--"),
    "local": ("local machine", "C4", "-"),
    "masked": ("masked machine", "C4", "--"),
    "flexible": ("flexible patches", "C5", "-"),
    "patches": ("patch mixture", "C5", "--"),
    "nonlocal": ("non-local means", "C5", ":"),
    "optimum": ("optimum", "black", ":"),
}
#: Of networks or data sets that are compared, the first of which is the one of other figures.
SERIES = ("C0", "C4", "C2", "C3", "C5", "C1")
#: What stands for network, closed form of the covariance, training images, best that is possible.
NETWORK, GAUSSIAN, TRAINING, OPTIMUM = "C0", "C2", "C1", "black"
#: What is compared by its cosine, and how it is drawn in every figure.
PAIRS = {
    "beyond": {"label": "two networks, beyond the covariance", "color": NETWORK, "marker": "o"},
    "beyond_ceiling": {
        "label": "same images, another seed",
        "color": NETWORK,
        "marker": "D",
        "linestyle": ":",
        "markerfacecolor": "white",
        "zorder": 2.5,  # on closest images, which have the same cosine where all are memorized
    },
    "beyond_null": {"label": "two Wiener filters", "color": GAUSSIAN, "marker": "^"},
    "closest": {"label": "sample and closest training image", "color": TRAINING, "marker": "s"},
}
#: Characters of a headline in an inch, and inches of its line.
LETTERS, LINE = 12.2, 0.15


def _module(name: str) -> str:
    """Config names end in the network that a reference is calibrated to."""
    return name.partition(".")[0].replace("-", "_")


def called(name: str) -> str:
    """The name of a denoiser in words; a name that is not known stays as it is."""
    return REFERENCES.get(_module(name), (name,))[0]


def looks(names: list[str]) -> dict[str, dict]:
    """Keywords of the line of each reference; those that are not known are black and gray."""
    rest = [(c, s) for s in ("-", "--", ":") for c in ("black", "0.4", "0.7")]
    found, unknown = {}, 0
    for name in names:
        color, line = REFERENCES.get(_module(name), ("", *rest[unknown % len(rest)]))[1:]
        unknown += _module(name) not in REFERENCES
        found[name] = {"color": color, "linestyle": line, "label": called(name)}
    return found


def series(index: int) -> str:
    """The colour of one of several networks or data sets."""
    return SERIES[index % len(SERIES)]


def number(value: float, digits: int = 2) -> str:
    """With a minus sign where it is below 0."""
    text = f"{value:.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}" if float(text) else "")


def amount(value: float) -> str:
    """A number of any size: two digits that count, or all before the point."""
    if abs(value) >= 9.95:
        return f"{value:,.0f}".replace("-", "\N{MINUS SIGN}")
    text = np.format_float_positional(value, 2, fractional=False, trim="-")
    return text.replace("-", "\N{MINUS SIGN}")


def span(values: list[float], digits: int = 2) -> str:
    """The smallest to the largest value; one where they read the same."""
    return " to ".join(dict.fromkeys(number(pick(values), digits) for pick in (min, max)))


def listed(names: list[str]) -> str:
    """A, B and C."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def few(found: list, most: int) -> list:
    """At most so many of several, evenly from the first to the last."""
    chosen = np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(int)
    return [found[i] for i in chosen]


def ends(found: list) -> list:
    """The first and the last of several, the one of one."""
    return found[:: max(1, len(found) - 1)]


def since(found: list, happens):
    """The first from which on something happens in all that follow; None if not in the last."""
    start = None
    for one in reversed(found):
        if not happens(one):
            break
        start = one
    return start


def known(row: dict, name: str) -> bool:
    """Whether a row has this number."""
    return math.isfinite(row.get(name, math.nan))


def side(row: dict, name: str, other: float = 0) -> int:
    """1 where a number and its interval, if it has any, lie above another number, -1 below, else 0:
    they are not told apart."""
    low, high = (row.get(f"{name}_{end}", row[name]) for end in ("low", "high"))
    return int(low > other) - int(high < other)


def headline(figure: Figure, sentence: str) -> None:
    """Write what a figure shows above it, and make it higher by as much."""
    width = int(LETTERS * figure.get_figwidth())
    together = re.sub(" ([=+]) ", "\N{NO-BREAK SPACE}\\1\N{NO-BREAK SPACE}", sentence)
    said = textwrap.fill(together, width, break_on_hyphens=False)
    figure.suptitle(said, x=0.01, ha="left", weight="bold")
    figure.set_figheight(figure.get_figheight() + LINE * len(said.splitlines()) + 0.08)
