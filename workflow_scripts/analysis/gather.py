"""Gather the artifacts of many variants in one long table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from workflow_scripts.artifacts.files import ArtifactError, canonical_json, digest_of_file, read_provenance
from workflow_scripts.artifacts.paths import Grid, Variant

VARIANT_LABELS = pl.Schema(
    {c: pl.String for c in ("model", "variant", "method", "pattern", "sample", "propagation", "calibration")}
    | {"seed": pl.Int32}
)
"""The columns of `labels_of`, as polars types them."""
LABELS = pl.Schema(dict(VARIANT_LABELS) | {"corpus": pl.String, "language": pl.String})
"""The same of what was measured in a language."""


def labels_of(grid: Grid, model: str, variant: Variant, **measured_on: str) -> dict[str, Any]:
    """The columns that say which variant was measured, its calibration by the study's name for it, and on what."""
    named = vars(variant) | {"calibration": grid.name(variant.calibration)}
    return {"model": model, "variant": variant.path, **named, **measured_on}


def gather(files: Mapping[Path, Mapping[str, Any]], columns: Sequence[str] | None = None) -> pl.DataFrame:
    """The rows of all files, one below the other, each with the labels of its file before its own columns.

    Args:
        files: file -> its labels.
        columns: those of the files to read; all by default.

    Raises:
        ArtifactError: see `refuse_mixed_settings` and `refuse_copies`.
    """
    provenances = {file: read_provenance(file) for file in files}
    refuse_mixed_settings(provenances)
    refuse_copies(provenances)
    return pl.concat(
        pl.read_parquet(path, columns=columns).select(
            *(pl.lit(value).alias(key) for key, value in labels.items()), pl.all()
        )
        for path, labels in files.items()
    )


def refuse_mixed_settings(provenances: Mapping[Path, Mapping[str, Any]]) -> None:
    """Raise ArtifactError when files were measured on different kinds of devices, in different precision or versions."""
    first = None
    for file, provenance in provenances.items():
        settings = {key: provenance["parameters"][key] for key in ("device", "dtype")}
        settings |= {key: provenance["versions"][key] for key in ("torch", "transformers")}
        first = first or (file, settings)
        if settings != first[1]:
            raise ArtifactError(
                f"{first[0]} was measured with {first[1]} and {file} with {settings}: differences between them are no "
                "effects of a calibration; delete the folder of one of them and run again with one compute.device."
            )


def refuse_copies(provenances: Mapping[Path, Mapping[str, Any]]) -> None:
    """Raise ArtifactError when two files were made of the same inputs in the same way: one is a copy in a wrong place."""
    seen: dict[str, Path] = {}
    for file, provenance in provenances.items():
        origin = canonical_json([provenance["inputs"], provenance["parameters"]])
        if origin in seen:
            raise ArtifactError(
                f"{file} and {seen[origin]} were made of the same inputs, and one of them does not belong where it is: "
                "delete both and run again."
            )
        seen[origin] = file


def refuse_foreign(role: str, belonging: Mapping[Path, Path]) -> None:
    """Raise ArtifactError unless every file was made from the input that belongs to it.

    Args:
        role: role of the input in provenances.
        belonging: file -> the input that it must have been made from.
    """
    digests = {source: digest_of_file(source) for source in set(belonging.values())}
    for file, source in belonging.items():
        if read_provenance(file)["inputs"].get(role) != digests[source]:
            raise ArtifactError(f"{file} was not made from {source}: delete it and run again.")
