"""Evaluate variants of one model with one model load."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from transformers import PreTrainedModel

from workflow_scripts.artifacts.files import write_table
from workflow_scripts.evaluation.batching import texts_go_together
from workflow_scripts.evaluation.head import refuse_unsupported_model
from workflow_scripts.evaluation.pending import Pending, refuse_other_device
from workflow_scripts.models.checkpoint import load_model
from workflow_scripts.models.compute import Compute
from workflow_scripts.models.device import settle
from workflow_scripts.models.variant import apply_variant
from workflow_scripts.runtime.process import imports_done

Observed = TypeVar("Observed")


def evaluate_series(
    pending: Sequence[Pending],
    model: Path,
    compute: Compute,
    longest: int,
    observe: Callable[[PreTrainedModel, bool], Observed],
    finish: Callable[[PreTrainedModel, Iterator[Observed]], Iterable[Any]] = lambda network, observed: observed,
    prepare: Callable[[PreTrainedModel, bool], None] = lambda network, together: None,
    dense: Observed | None = None,
    write: Callable[[Path, Any, dict], None] = write_table,
) -> None:
    """Write the file of every variant.

    Args:
        pending: the variants; the dense model, if it is among them, is the first.
        model: record of the dense model.
        compute: threads, device and dtype.
        longest: tokens of the longest text.
        observe: from a loaded variant, and whether texts may go through it together, to the table to write, or to what
            `finish` makes it of.
        finish: from what was observed to a table each, where variants share work that takes no pruned weight; without
            it a table is written as soon as its variant is scored.
        prepare: looks at the dense model, likewise, before the first mask is put into it.
        dense: what is observed of the dense model, where that is known.
        write: writes what was made of a variant; a Parquet table by default.
    """
    imports_done()
    device, dtype, names = settle(compute, model.parent)
    refuse_other_device(pending[0].provenance, names)
    network = load_model(model.parent, dtype, device)
    refuse_unsupported_model(network)
    together = texts_go_together(network, longest)

    def observed() -> Iterator[Observed]:
        is_dense = True
        for variant in pending:
            if variant.masks and is_dense:
                prepare(network, together)
                is_dense = False
            if variant.masks:
                apply_variant(network, model, variant.masks, variant.weights)
            yield observe(network, together) if variant.masks or dense is None else dense

    for variant, made in zip(pending, finish(network, observed()), strict=True):
        write(variant.output, made, variant.provenance)
