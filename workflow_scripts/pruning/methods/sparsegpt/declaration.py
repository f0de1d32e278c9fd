"""SparseGPT: solves for new weights with the Gram matrix of the inputs."""

from workflow_scripts.pruning.methods.declaring import Declaration
from workflow_scripts.pruning.patterns import COLUMNS, NofM, Pattern


def _operations(features: int, outputs: int) -> float:
    """Of the Cholesky factor and its inverse (n^3 in all), and of the column loop."""
    return features**3 + outputs * features**2


def _refuse(pattern: Pattern) -> str:
    if not isinstance(pattern, NofM) or COLUMNS % pattern.of == 0:
        return ""
    return (
        f"SparseGPT prunes {COLUMNS} columns at a time, which the groups of {pattern.keep}:{pattern.of} do not divide; "
        "take 2:4 or 4:8, or leave sparsegpt out"
    )


METHOD = Declaration("SparseGPT", "gram", changes_weights=True, operations=_operations, refuse=_refuse)
