"""An audit in words: the verdict, the counts of every rule, and what it cannot show."""

import numpy as np

from gahb.copies.comparison import PATCHES
from gahb.copies.judgement import LEFT_OUT, SAME, Audit

#: z above which samples are said to be farther from the training images than new images are.
FARTHER = 3


def verdict(audit: Audit) -> list[str]:
    """The verdict in sentences that quote numbers."""
    found, held_out = audit.found.memorized.values, audit.found.held_out_memorized.values
    copies, count = int(found.sum()), len(found)
    low, high = audit.interval
    low, high, part = map(_decimals, (low, high, copies / count))
    part = f"{part}, {low} to {high}" if copies else f"at most {high}"
    are = "is a copy" if copies == 1 else "are copies"
    lines = [
        f"{copies:,} of {count:,} samples ({part}) {are} of one of the {len(audit.train):,} "
        f"training images; {_of_others(int(held_out.sum()), len(held_out), audit.stand_in)}."
    ]
    if copies and audit.interval[0] <= audit.false_positives:
        lines.append(
            "The rule calls images copies just as often that no model made, so these samples are "
            "not shown to be copies."
        )
    patches = (audit.found.patch.values > 0) & ~found
    of_others = (audit.found.held_out_patch.values > 0) & ~held_out
    if patches.any():
        lines.append(
            f"{_count(patches, 'further sample')} {'holds' if patches.sum() == 1 else 'hold'} a "
            f"copied part; {int(of_others.sum()):,} of {len(of_others):,} "
            f"{_others(audit.stand_in)} do by the same rule."
        )
    return lines + doubts(audit)


def doubts(audit: Audit) -> list[str]:
    """Why the images may not be what the verdict takes them for; empty if there is no reason."""
    sets = {"training images": audit.train, "samples": audit.samples, "held-out": audit.held_out}
    lines = [f"In the {name}, {images.doubt}." for name, images in sets.items() if images.doubt]
    for prefix, name, said in (
        ("", "sample", "Networks hardly ever draw such samples: are all of these the model's?"),
        ("held_out_", "held-out image", "They are not held out, and make the rule look wrong."),
    ):
        equal = (audit.found[f"{prefix}residual"] == 0) & ~audit.found[f"{prefix}blank"]
        if equal.any():
            lines.append(
                f"{_count(equal.values, name)} {'equals' if equal.sum() == 1 else 'equal'} a "
                f"training image in every pixel, apart from contrast and mirroring. {said}"
            )
    close = (audit.found.cosine > SAME).values & ~audit.found.memorized.values
    if close.any():
        lines.append(
            f"{_count(close, 'further sample')} {'has' if close.sum() == 1 else 'have'} a cosine "
            f"above {SAME} to a training image and are no copies by the rule, since others are as "
            "close. If the training set holds an image dozens of times, look at its copies."
        )
    if audit.z > FARTHER:
        lines.append(
            "As a whole, samples are farther from the training images than new images are (z = "
            f"{audit.z:.1f}). Noise does this, and so does another crop, orientation or order of "
            "the axes, where no copy is found."
        )
    return lines


def _decimals(part: float) -> str:
    return f"{part:.2f}" if part >= 0.1 else f"{part:.2g}"


def _of_others(copies: int, count: int, stand_in: bool) -> str:
    if not count:
        return "there are no other images by which to judge the rule"
    are = "is" if copies == 1 else "are"
    return f"by the same rule {copies:,} of {count:,} {_others(stand_in)} {are}"


def _others(stand_in: bool) -> str:
    return "training images, each compared with all others," if stand_in else "held-out images"


def _count(which: np.ndarray, name: str) -> str:
    number = int(which.sum())
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def rules(audit: Audit) -> list[tuple[str, str, str]]:
    """Each rule, and how many samples and held-out images it takes for copies."""
    found = audit.found
    named = {
        "memorized": "1/3 rule, contrast and mean fitted, mirror images too",
        "memorized_by_distance": "1/3 rule as published (L2 distances)",
        "memorized_embedded": "1/3 rule by features of the embedding",
    }
    rows = [
        (words, *(_part(found[prefix + name].values) for prefix in ("", "held_out_")))
        for name, words in named.items()
        if name in found
    ]
    patches = (_part(found[p + "patch"].values > 0) for p in ("", "held_out_"))
    return [*rows, (f"a part: one of {PATCHES} × {PATCHES} patches or more", *patches)]  # noqa: RUF001


def _part(happened: np.ndarray) -> str:
    return f"{int(happened.sum()):,} of {len(happened):,}"


def of_distribution(audit: Audit) -> list[str]:
    """Meehan et al.'s test in words."""
    if np.isnan(audit.z):
        return []
    said = f"Data-copying z (Meehan, Chaudhuri & Dasgupta, 2020): {audit.z:.1f}"
    if not np.isnan(mean := float(audit.found.z_mean)):
        cells = audit.found.z_of_cell.dropna("cell").values
        each = "" if len(cells) < 2 else f" ({', '.join(f'{z:.1f}' for z in np.sort(cells))})"
        said += f"; mean over {len(cells)} cell{'s' if len(cells) > 1 else ''} {mean:.1f}{each}"
    return [
        said + ". Below -3, samples are closer to training images than new images are. That may be "
        "copying, and it may be blur: smooth images are close to everything."
    ]


def compared(audit: Audit) -> list[str]:
    """The images that were compared."""
    sets = {"training images": audit.train, "samples": audit.samples}
    if not audit.stand_in:
        sets["held-out images"] = audit.held_out
    items = [f"{len(s):,} {name} of {s.origin}" for name, s in sets.items()]
    if audit.stand_in:
        items.append(
            f"No held-out images: {len(audit.held_out):,} training images (of "
            f"{min(LEFT_OUT, len(audit.train)):,} drawn) stand in, each compared with all others."
        )
    if audit.same:
        items.append(
            f"{audit.same:,} of the training images that were drawn are no new images, and do not "
            f"count: the training set holds another with a cosine above {SAME}."
        )
    blank = int(audit.found.blank.values.sum())
    if blank:
        items.append(f"{blank:,} samples are blank (flat): copies if any training image is blank.")
    return [*items, f"All at {audit.compared}."]


def limits(audit: Audit) -> list[str]:
    """Copies that the rules miss, and cases where they are wrong."""
    items = [
        "Images are compared pixel by pixel. Copies at other contrast and brightness, mirrored, "
        "or compressed are found. Copies that are shifted, even by one pixel where images have "
        "detail, or are rotated, cropped or redrawn are not. "
        + (
            "The features of the embedding may find them."
            if "ratio_embedded" in audit.found
            else "--embedding compares by the features of a network, which may find them."
        ),
        "Sets are compared in the same crop: where a model was trained on another one, bring the "
        "training images into it first.",
        "A part is found where it covers a whole patch at its own place, unmirrored. Flat patches "
        "are left out.",
        "The rule asks for one training image that is far closer than all others. Where many "
        "training images are much alike, a copy may be missed, and a new image may be called one: "
        "the second column of numbers says how often.",
        "Only these samples were judged: others may be copies, as the interval says.",
    ]
    if audit.stand_in:
        items.append(
            "Training images stand in for held-out ones: where they come in groups, such as frames "
            "of a film, they are more alike than new images are."
        )
    return items
