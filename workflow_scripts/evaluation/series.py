"""Evaluate variants of one model with one model load: those whose results do not hold any more, and no others."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from transformers import PreTrainedModel

from workflow_scripts import seals
from workflow_scripts.artifacts import ArtifactError, make_provenance, read_provenance, write_table
from workflow_scripts.evaluation.head import refuse_unsupported_head
from workflow_scripts.models.checkpoint import load_model
from workflow_scripts.models.device import settle
from workflow_scripts.models.variant import apply_variant

Observed = TypeVar("Observed")


def evaluate_series(
    step: str,
    parameters: Any,
    code: str,
    inputs: Mapping[str, Path],
    output: list[Path],
    masks: list[Path] | None,
    weights: list[Path] | None,
    observe: Callable[[PreTrainedModel], Observed],
    finish: Callable[[PreTrainedModel, Iterator[Observed]], Iterable[Any]] = lambda network, observed: observed,
    prepare: Callable[[PreTrainedModel], None] = lambda network: None,
    write: Callable[[Path, Any, dict], None] = write_table,
) -> None:
    """Write a file a variant; an output that still holds, by its provenance, is left as it is.

    Args:
        step: name of the step, for the provenance.
        parameters: the step's parameters, a dataclass; threads, device and dtype among them.
        code: digest of the step's code.
        inputs: what all variants have in common; `model` is the record of the dense model.
        output: files to write, one for each mask store, or one for the dense model.
        masks: mask stores of the variants; none for the dense model.
        weights: kept weights of the variants, for methods that change them.
        observe: from a loaded variant to the table to write, or to what `finish` makes it of.
        finish: from what was observed to a table each, where variants share work that takes no pruned weight; without
            it a table is written as soon as its variant is scored.
        prepare: looks at the dense model before the first variant takes its place.
        write: writes what was made of a variant; a Parquet table by default.
    """
    model = inputs["model"]
    device, dtype, settled = settle(parameters, model.parent)
    stores = masks or [None]
    stale: list[tuple[Path, dict, Path | None, Path | None]] = []
    for target, store, kept in zip(output, stores, weights or [None] * len(stores), strict=True):
        own = {role: path for role, path in (("masks", store), ("weights", kept)) if path}
        provenance = make_provenance(step, asdict(parameters) | settled, code, {**inputs, **own})
        if still_holds(target, provenance):
            os.utime(target)
        else:
            stale.append((target, provenance, store, kept))
    if not stale:
        return
    network = load_model(model.parent, dtype, device)
    refuse_unsupported_head(network)
    prepare(network)

    def observed() -> Iterator[Observed]:
        for _, _, store, kept in stale:
            if store:
                apply_variant(network, model, store, kept)
            yield observe(network)

    for (target, provenance, _, _), made in zip(stale, finish(network, observed()), strict=True):
        write(target, made, provenance)


def still_holds(path: Path, provenance: dict) -> bool:
    """Whether a file is there, whole, and made just as `provenance` says."""
    try:
        return path.is_file() and seals.is_whole(path) and read_provenance(path) == provenance
    except ArtifactError:
        return False
