"""A pruning method by its name, as a step uses it: only the method that is asked for is imported."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

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


@dataclass(frozen=True)
class Method:
    """A method that computes: what its declaration says of statistics and weights, and the function of its `method.py`.

    Attributes:
        name: as in the study.
        statistics: see `declaring.Declaration`.
        changes_weights: see `declaring.Declaration`.
        prune: prunes linears that share an input; their weights are left as they are. The statistics may be used up: nobody
            reads them afterwards.
    """

    name: str
    statistics: str | None
    changes_weights: bool
    prune: Callable[[Sequence[torch.Tensor], Statistics | None, Pattern], list[PrunedLinear]]


def get_method(name: str) -> Method:
    """The method of a name in the study. By name, so that a digest of the code counts no declaration."""
    declared = import_module(f"{__package__}.{name}.declaration").METHOD
    prune = import_module(f"{__package__}.{name}.method").prune
    return Method(name, declared.statistics, declared.changes_weights, prune)
