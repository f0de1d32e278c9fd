"""The pruning methods by name: a module each, imported only when it is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import torch

from workflow_scripts.pruning.patterns import Pattern
from workflow_scripts.pruning.statistics import Statistics


@dataclass(frozen=True)
class PrunedLinear:
    """The outcome for one linear.

    Attributes:
        mask: boolean [out_features, in_features], True where the weight is kept.
        weight: new weights [out_features, in_features], zero where dropped, or None when the kept weights do not change.
        damping: share of the mean diagonal that was added to the Hessian, NaN where there is none.
        warning: what is unusual about it, for the log; empty where nothing is.
    """

    mask: torch.Tensor
    weight: torch.Tensor | None = None
    damping: float = float("nan")
    warning: str = ""


class Method(Protocol):
    """What a method's module offers."""

    STATISTICS: str | None
    """`squared_norms`, `gram`, or None when no calibration is needed."""

    CHANGES_WEIGHTS: bool
    """Whether kept weights change, so that they have to be stored beside the mask."""

    def prune(
        self, weights: Sequence[torch.Tensor], statistics: Statistics | None, pattern: Pattern
    ) -> list[PrunedLinear]:
        """Prune linears that share an input; `weights` are left as they are.

        The statistics may be used up: nobody reads them afterwards.
        """


def get_method(name: str) -> Method:
    """The module of a method by its name in the study."""
    return import_module(f"{__name__}.{name}")
