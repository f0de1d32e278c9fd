"""What a method says of itself to all but the job that prunes, and which methods there are. Imports no torch.

A method is a folder here: `declaration.py` holds `METHOD`, and `method.py` the function `prune`, see `loading.Method`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Literal

from workflow_scripts.pruning import methods
from workflow_scripts.pruning.patterns import Pattern


@dataclass(frozen=True)
class Declaration:
    """A method without its formula.

    Attributes:
        label: its name in figures and report.
        statistics: what it wants to know of a linear's inputs; None when no calibration is needed.
        changes_weights: whether kept weights change, so that they have to be stored beside the mask.
        operations: beside statistics and selection, for an input of (features, outputs of all linears that share it).
        refuse: what is wrong with a pattern whatever the model, and how to mend it; empty where nothing is.
    """

    label: str
    statistics: Literal["squared_norms", "gram"] | None
    changes_weights: bool = False
    operations: Callable[[int, int], float] = lambda features, outputs: 0.0
    refuse: Callable[[Pattern], str] = lambda pattern: ""


@cache
def declared_methods() -> dict[str, Declaration]:
    """Name -> what it declares, of every folder here, sorted."""
    names = sorted(module.name for module in iter_modules(methods.__path__) if module.ispkg)
    return {name: import_module(f"{methods.__name__}.{name}.declaration").METHOD for name in names}
