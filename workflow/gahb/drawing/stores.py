"""The stores that a figure is drawn from, by what they are of."""

import xarray as xr


class Stores:
    """Open stores of one denoiser, and of its references.

    Args:
        opened: (kind, what it is of, data set) of each. What it is of says its dataset and, where
            it has them, denoiser, N, subset or pair, and seed.
        denoiser: whose stores are meant where none is named.
    """

    def __init__(self, opened: list[tuple[str, dict, xr.Dataset]], denoiser: str | None = None):
        self._opened, self._denoiser = opened, denoiser

    def of(self, kind: str, denoiser: str | None = None, **wanted) -> list[xr.Dataset]:
        """Those of a kind that are of what is wanted, by increasing seed.

        A tuple stands for any of its values.

        Raises:
            ValueError: two have the same seed: they differ in something that is not asked for.
        """
        found = {}
        denoiser = denoiser or self._denoiser
        for name, of, data in self._opened:
            if of.get("denoiser", denoiser) != denoiser:
                continue
            if name == kind and all(
                k in of and of[k] in (v if isinstance(v, tuple) else (v,))
                for k, v in wanted.items()
            ):
                seed = of.get("seed", 0)
                if seed in found:
                    raise ValueError(f"more than one store of {kind}, {wanted} with seed {seed}")
                found[seed] = data
        return [found[seed] for seed in sorted(found)]

    def first(self, kind: str, **wanted) -> xr.Dataset:
        """That of the first seed."""
        return self.of(kind, **wanted)[0]


def together(each: list):
    """Data sets or arrays of several seeds as one, along a new first dimension `seed`."""
    return xr.concat(
        each, "seed", data_vars="all", coords="minimal", compat="override", join="exact"
    )
