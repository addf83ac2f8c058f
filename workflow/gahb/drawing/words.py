"""Text in figures: a sentence above each, and consistent names and colors."""

import math
import re
import textwrap

import numpy as np
from matplotlib.figure import Figure

#: For each reference's module: its name in words, color and line. Networks are blue.
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
#: Colors of networks or data sets that are compared, the first as in other figures.
SERIES = ("C0", "C4", "C2", "C3", "C5", "C1")
#: Colors of networks, closed forms of the covariance, training images and the optimum.
NETWORK, GAUSSIAN, TRAINING, OPTIMUM = "C0", "C2", "C1", "black"
#: Pairs compared by their cosine, and how these are drawn in every figure.
PAIRS = {
    "beyond": {"label": "two networks, beyond the covariance", "color": NETWORK, "marker": "o"},
    "beyond_ceiling": {
        "label": "same images, another seed",
        "color": NETWORK,
        "marker": "D",
        "linestyle": ":",
        "markerfacecolor": "white",
        "zorder": 2.5,  # above closest images, which have the same cosine if all are memorized
    },
    "beyond_null": {"label": "two Wiener filters", "color": GAUSSIAN, "marker": "^"},
    "closest": {"label": "sample and closest training image", "color": TRAINING, "marker": "s"},
}
#: Characters of a headline per inch, and height of its lines in inches.
LETTERS, LINE = 12.2, 0.15


def _module(name: str) -> str:
    """The name of a reference's module; config names end in the network of its calibration."""
    return name.partition(".")[0].replace("-", "_")


def called(name: str) -> str:
    """The name of a denoiser in words; an unknown name stays as it is."""
    return REFERENCES.get(_module(name), (name,))[0]


def looks(names: list[str]) -> dict[str, dict]:
    """Keywords of the line of each reference; unknown ones are black and gray."""
    rest = [(c, s) for s in ("-", "--", ":") for c in ("black", "0.4", "0.7")]
    found, unknown = {}, 0
    for name in names:
        color, line = REFERENCES.get(_module(name), ("", *rest[unknown % len(rest)]))[1:]
        unknown += _module(name) not in REFERENCES
        found[name] = {"color": color, "linestyle": line, "label": called(name)}
        if _module(name) == "memorizer":
            found[name]["linewidth"] = 2.4  # it is seen under machines that see the whole image
    return found


def series(index: int) -> str:
    """The color of one of several networks or data sets."""
    return SERIES[index % len(SERIES)]


def number(value: float, digits: int = 2) -> str:
    """A number with a true minus sign if it is negative."""
    text = f"{value:.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}" if float(text) else "")


def amount(value: float) -> str:
    """A number of any size: two significant digits, or all digits before the point."""
    if abs(value) >= 9.95:
        return f"{value:,.0f}".replace("-", "\N{MINUS SIGN}")
    text = np.format_float_positional(value, 2, fractional=False, trim="-")
    return text.replace("-", "\N{MINUS SIGN}")


def span(values: list[float], digits: int = 2) -> str:
    """The smallest to the largest value; only one if they read the same."""
    return " to ".join(dict.fromkeys(number(pick(values), digits) for pick in (min, max)))


def listed(names: list[str]) -> str:
    """A, B and C."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def few(found: list, most: int) -> list:
    """At most `most` entries, evenly spaced from the first to the last."""
    chosen = np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(int)
    return [found[i] for i in chosen]


def ends(found: list) -> list:
    """The first and the last entry, or the only one."""
    return found[:: max(1, len(found) - 1)]


def since(found: list, happens):
    """The first entry from which on something happens in all; None if not in the last."""
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
    """1 if a number and its interval, if any, lie above another number, -1 if below, 0 if the
    difference is not significant."""
    low, high = (row.get(f"{name}_{end}", row[name]) for end in ("low", "high"))
    return int(low > other) - int(high < other)


def agreement(row: dict) -> str:
    """How much two networks and two Wiener filters share beyond the covariance.

    Below 0 the filters do not share anything: where both sets make up much of all images, their
    errors are opposite (`gahb.beyond`).
    """
    null = number(row["beyond_null"])
    filters = f"not at all ({null})" if row["beyond_null"] < 0 else f"to {null}"
    return f"agree to {number(row['beyond'])} beyond the covariance, two Wiener filters {filters}"


def headline(figure: Figure, sentence: str) -> None:
    """Write a sentence above a figure, whose height grows by that of the sentence."""
    width = int(LETTERS * figure.get_figwidth())
    kept = " (?=[=+] )|(?<= [=+]) |(?<=network) (?=[12])|(?<=[0-9]) (?=dB|%|pixels)"
    together = re.sub(kept, "\N{NO-BREAK SPACE}", sentence)
    said = textwrap.fill(together, width, break_on_hyphens=False)
    figure.suptitle(said, x=0.01, ha="left", weight="bold")
    figure.set_figheight(figure.get_figheight() + LINE * len(said.splitlines()) + 0.08)
