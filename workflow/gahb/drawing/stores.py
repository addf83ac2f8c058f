"""The stores from which a figure is drawn, by kind and identity."""

import xarray as xr


class Stores:
    """Open stores of one denoiser, and of its references.

    Args:
        opened: (kind, identity, data set) of each. The identity gives its dataset and, if it has
            them, denoiser, N, subset or pair, and seed.
        denoiser: the denoiser whose stores are meant if none is named.
    """

    def __init__(self, opened: list[tuple[str, dict, xr.Dataset]], denoiser: str | None = None):
        self._opened, self._denoiser = opened, denoiser

    def of(self, kind: str, denoiser: str | None = None, **wanted) -> list[xr.Dataset]:
        """Stores of a kind that match `wanted`, by increasing seed.

        A tuple matches any of its values.

        Raises:
            ValueError: two have the same seed, so they differ in something not in `wanted`.
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
        """The store of the first seed."""
        return self.of(kind, **wanted)[0]


def together(each: list):
    """Data sets or arrays of several seeds as one, along a new first dimension `seed`."""
    return xr.concat(
        each, "seed", data_vars="all", coords="minimal", compat="override", join="exact"
    )
