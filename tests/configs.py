"""A config that is only checked and planned: tests of single jobs and of mistakes."""

#: Every kind of data set, denoiser and figure, small.
EVERY_KIND = {
    "run": [
        "pair", "photographs", "slopes", "disks", "geometry", "seeds", "closed-forms", "phase",
        "truths",
    ],
    "datasets": {
        "calpha": {"source": "calpha", "alpha": 2, "side": 8, "images": 60, "test": 10},
        "rough": {"source": "calpha", "alpha": 1, "side": 8, "images": 60, "test": 10},
        "disk": {"source": "disks", "side": 8, "images": 60, "test": 10},
        "photo": {"source": "photographs", "side": 8, "stride": 16, "test": 20},
        "photo-shuffled": {"source": "shuffled", "of": "photo"},
        "gauss": {"source": "gaussian", "of": "photo", "images": 40, "test": 10},
        "mixed": {
            "source": "mixture", "of": "disk", "templates": 3, "sd": 0.1, "images": 40, "test": 10
        },
    },
    "denoisers": {
        "tiny": {
            "architecture": "unet", "channels": 4, "blocks": 1, "gain": 0.1, "training": "tiny"
        },
        "cnn": {"architecture": "bfcnn", "channels": 4, "layers": 4, "training": "tiny"},
        "watched": {
            "architecture": "unet", "channels": 4, "blocks": 1, "gain": 0.1, "training": "constant"
        },
        "wiener": {"reference": "wiener"},
        "memorizer": {"reference": "memorizer"},
        "equivariant": {"reference": "equivariant", "most_images": 3, "calibrated": "tiny"},
        "flexible": {"reference": "flexible", "calibrated": "tiny"},
        "threshold": {"reference": "threshold", "basis": "wavelet"},
        "nonlocal": {"reference": "nonlocal"},
        "optimum": {"reference": "optimum", "psnr": {"count": 4, "input_psnr": [10, 15, 20]}},
    },
    "training": {
        "tiny": {"steps": 60, "batch": 8, "learning_rate": 0.01},
        "constant": {
            "steps": 60, "batch": 8, "learning_rate": 0.01, "schedule": "constant",
            "snapshots": True,
        },
    },
    "studies": {
        "pair": {
            "datasets": ["calpha"], "denoisers": ["tiny"], "sizes": [1, 8],
            "figures": [
                "psnr_curves", "samples", "pairs", "patches", "history", "nats", "likelihood",
                "verdict",
            ],
        },
        "photographs": {
            "datasets": ["photo"], "denoisers": ["cnn"], "sizes": [16],
            "figures": ["shrinkage", "properties"],
        },
        "slopes": {
            "datasets": ["rough", "calpha"], "denoisers": ["tiny"], "sizes": [8],
            "figures": ["slopes"],
        },
        "disks": {
            "datasets": ["disk"], "denoisers": ["tiny"], "references": ["wiener"], "sizes": [8],
            "figures": ["disks", "dimension"],
        },
        "geometry": {
            "datasets": ["photo", "photo-shuffled"], "denoisers": ["cnn"], "sizes": [16],
            "figures": ["geometry", "harmonics"],
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
    "psnr": {"input_psnr": [0, 10, 15, 20, 30], "count": 10},
    "agreement": {"count": 4},
    "calibration": {"count": 2, "windows": [3, 5], "shares": [0.5, 0.9]},
    "samples": {"count": 4, "h0": 0.2, "max_steps": 80},
    "dynamics": {"count": 4, "steps": 3},
    "eigenbasis": {"images": [0]},
    "properties": {"sigma": [0.3, 0.1], "count": 2, "pixels": 4},
    "density": {"input_psnr": [0, 20], "intervals": 8, "count": 4},
}  # fmt: skip
