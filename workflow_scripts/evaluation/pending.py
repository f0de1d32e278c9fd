"""Which variants of a model are still to be evaluated: those whose results do not hold any more, and no others.

Imports no torch: a job of which everything still holds ends at once.
"""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workflow_scripts.artifacts import seals
from workflow_scripts.artifacts.files import ArtifactError, make_provenance, read_provenance
from workflow_scripts.models.compute import settled_names


@dataclass(frozen=True)
class Pending:
    """A variant to evaluate: the file to write with its provenance; no mask store for the dense model, and no kept
    weights for methods that change none."""

    output: Path
    provenance: dict[str, Any]
    masks: Path | None
    weights: Path | None


def pending_variants(
    step: str,
    parameters: Any,
    code: str,
    inputs: Mapping[str, Path],
    output: list[Path],
    masks: list[Path] | None,
    weights: list[Path] | None,
) -> list[Pending]:
    """The variants whose file is missing or does not hold any more, in order; a file that still holds gets a new time.

    Args:
        step: name of the step, for the provenance.
        parameters: the step's parameters, a dataclass; threads, device and dtype among them.
        code: digest of the step's code.
        inputs: what all variants have in common; `model` is the record of the dense model.
        output: a file for the dense model, if there is one more than mask stores, then one for each mask store.
        masks: mask stores of the variants.
        weights: kept weights of the variants, for methods that change them.
    """
    names = settled_names(parameters, inputs["model"].parent)
    pending = []
    for target, (store, kept) in zip(output, variants_of(output, masks, weights), strict=True):
        own = {role: path for role, path in (("masks", store), ("weights", kept)) if path}
        provenance = make_provenance(step, asdict(parameters) | names, code, {**inputs, **own})
        if still_holds(target, provenance):
            os.utime(target)
        else:
            pending.append(Pending(target, provenance, store, kept))
    return pending


def variants_of(
    output: list[Path], masks: list[Path] | None, weights: list[Path] | None
) -> list[tuple[Path | None, Path | None]]:
    """Mask store and kept weights of every variant; neither for the dense model, which is the first if it is among them.

    Raises:
        ValueError: the files to write are not as many as the variants.
    """
    stores: list[Path | None] = list(masks or [])
    if len(output) == len(stores) + 1:
        stores.insert(0, None)
    if not output or len(output) != len(stores) or (weights and len(weights) != len(stores)):
        raise ValueError(
            f"{len(output)} files to write for {len(masks or [])} mask stores and {len(weights or [])} files of kept "
            "weights: give a file for each mask store, and one more, as the first, for the dense model."
        )
    return list(zip(stores, weights or [None] * len(stores), strict=True))


def refuse_other_device(provenance: dict[str, Any], names: dict[str, str]) -> None:
    """Raise ValueError where torch computes on another device, or in another dtype, than was taken for granted without it."""
    told = {key: provenance["parameters"][key] for key in names}
    if told != names:
        raise ValueError(
            f"torch computes on {names['device']} in {names['dtype']}, where {told['device']} in {told['dtype']} was expected: set "
            "compute.device and compute.dtype in the study."
        )


def still_holds(path: Path, provenance: dict) -> bool:
    """Whether a file is there, whole, and made just as `provenance` says."""
    try:
        return path.is_file() and seals.is_whole(path) and read_provenance(path) == provenance
    except ArtifactError:
        return False
