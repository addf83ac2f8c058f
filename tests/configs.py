"""A config that is only checked and planned, for tests of single jobs and of mistakes."""

from conftest import TINY

STUDIES = TINY["studies"]
#: Studies of the tiny study.
KEPT = "photographs", "slopes", "geometry", "crossover"

#: Every kind of data set, denoiser and figure: the tiny study, and kinds that take it too long.
EVERY_KIND = TINY | {
    "run": [
        "pair", "photographs", "slopes", "disks", "geometry", "seeds", "closed-forms", "phase",
        "truths", "crossover",
    ],
    "datasets": TINY["datasets"] | {
        "gauss": {"source": "gaussian", "of": "photo", "images": 40, "test": 10},
    },
    "denoisers": TINY["denoisers"] | {
        "equivariant": {"reference": "equivariant", "most_images": 3, "calibrated": "tiny"},
        "threshold": {"reference": "threshold", "basis": "wavelet"},
        "nonlocal": {"reference": "nonlocal"},
    },
    "training": TINY["training"] | {"tiny": {"steps": 60, "batch": 8, "learning_rate": 0.01}},
    "studies": {name: STUDIES[name] for name in KEPT} | {
        "pair": STUDIES["pair"] | {
            "figures": [
                "psnr_curves", "samples", "pairs", "patches", "history", "nats", "likelihood",
                "verdict",
            ],
        },
        "disks": {
            "datasets": ["disk"], "denoisers": ["tiny"], "references": ["wiener"], "sizes": [8],
            "figures": ["disks", "dimension"],
        },
        "seeds": {
            "datasets": ["rough"], "denoisers": ["tiny"], "sizes": [4], "seeds": 2,
            "ceiling": True, "references": ["wiener", "equivariant", "flexible"],
            "figures": ["psnr_curves", "samples", "history", "agreement", "theories"],
        },
        "closed-forms": {
            "datasets": ["disk"], "denoisers": ["wiener", "memorizer"], "sizes": [8],
            "references": ["threshold", "nonlocal"],
            "figures": ["psnr_curves", "samples", "shrinkage"],
        },
        "phase": {
            "datasets": ["disk"], "denoisers": ["watched"], "references": ["wiener"],
            "sizes": [2, 8], "figures": ["dynamics", "along", "transition", "phase"],
        },
        "truths": {
            "datasets": ["gauss", "mixed"], "denoisers": ["wiener"], "references": ["optimum"],
            "sizes": [8], "figures": ["psnr_curves"],
        },
    },
    "samples": TINY["samples"] | {"max_steps": 80},
}  # fmt: skip
