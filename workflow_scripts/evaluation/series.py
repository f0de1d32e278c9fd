"""Evaluate variants of one model with one model load."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from transformers import PreTrainedModel

from workflow_scripts.artifacts import write_table
from workflow_scripts.evaluation.head import refuse_unsupported_head
from workflow_scripts.evaluation.pending import Pending, refuse_other_device
from workflow_scripts.models.checkpoint import load_model
from workflow_scripts.models.compute import Compute
from workflow_scripts.models.device import settle
from workflow_scripts.models.variant import apply_variant
from workflow_scripts.process import imports_done

Observed = TypeVar("Observed")


def evaluate_series(
    pending: Sequence[Pending],
    model: Path,
    compute: Compute,
    observe: Callable[[PreTrainedModel], Observed],
    finish: Callable[[PreTrainedModel, Iterator[Observed]], Iterable[Any]] = lambda network, observed: observed,
    prepare: Callable[[PreTrainedModel], None] = lambda network: None,
    dense: Observed | None = None,
    write: Callable[[Path, Any, dict], None] = write_table,
) -> None:
    """Write the file of every variant.

    Args:
        pending: the variants; the dense model, if it is among them, is the first.
        model: record of the dense model.
        compute: threads, device and dtype.
        observe: from a loaded variant to the table to write, or to what `finish` makes it of.
        finish: from what was observed to a table each, where variants share work that takes no pruned weight; without
            it a table is written as soon as its variant is scored.
        prepare: looks at the dense model before the first mask is put into it.
        dense: what is observed of the dense model, where that is known.
        write: writes what was made of a variant; a Parquet table by default.
    """
    imports_done()
    device, dtype, names = settle(compute, model.parent)
    refuse_other_device(pending[0].provenance, names)
    network = load_model(model.parent, dtype, device)
    refuse_unsupported_head(network)

    def observed() -> Iterator[Observed]:
        is_dense = True
        for variant in pending:
            if variant.masks and is_dense:
                prepare(network)
                is_dense = False
            if variant.masks:
                apply_variant(network, model, variant.masks, variant.weights)
            yield observe(network) if variant.masks or dense is None else dense

    for variant, made in zip(pending, finish(network, observed()), strict=True):
        write(variant.output, made, variant.provenance)
