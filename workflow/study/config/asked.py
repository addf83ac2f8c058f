"""A study and its figures, as seen by the checks of studies."""

from dataclasses import dataclass

from study.entries import is_single


@dataclass(frozen=True)
class Asked:
    """A study, and the declarations of its figures."""

    config: dict
    path: str
    study: dict
    declared: dict[str, dict]

    def reading(self, kind: str) -> list[str]:
        """The figures drawn from a kind of store."""
        return [figure for figure, d in self.declared.items() if kind in d["reads"]]

    def pairs(self, denoiser: str) -> list[str]:
        """The figures that need a second network, trained on S2."""
        single = is_single(self.config, denoiser)
        return [
            figure
            for figure, d in self.declared.items()
            # `agreement` compares both networks itself.
            if ("agreement" in d["reads"] or reads(d, {"S2", "disjoint"}))
            and not (single and d.get("single"))
        ]

    def compared(self) -> list[str]:
        """Names of all denoisers, the references included."""
        return [*self.study["denoisers"], *self.study["references"]]


def reads(declared: dict, subsets: set[str]) -> bool:
    return any(subsets & {*of} for of in declared["reads"].values())
