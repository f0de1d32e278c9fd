"""Step: overlap of the masks of one model, method and pattern, and likeness of the inputs they were calibrated on."""

import json
from itertools import combinations
from pathlib import Path

import polars as pl

from workflow_scripts.artifacts.files import ArtifactError, make_provenance, write_table
from workflow_scripts.artifacts.paths import Grid, Variant
from workflow_scripts.masks.inputs import similarities
from workflow_scripts.masks.overlap import overlaps
from workflow_scripts.masks.store import MaskStore
from workflow_scripts.runtime.command_line import run_step

OVERLAP_SCHEMA = pl.Schema(
    {c: pl.String for c in ("model", "method", "pattern", "sample", "propagation", "relation")}
    | {c: pl.String for c in ("calibration_a", "calibration_b")}
    | {"seed_a": pl.Int64, "seed_b": pl.Int64, "block": pl.Int32, "module": pl.String}
    | {c: pl.Int64 for c in ("kept_a", "kept_b", "intersection", "union")}
    | {"iou": pl.Float64, "input_similarity": pl.Float64}
)


def overlap_masks(
    *,
    masks: list[Path],
    layers: list[Path],
    grid: str,
    languages: str,
    model: str,
    method: str,
    pattern: str,
    output: Path,
    threads: int = 1,
    code: str = "",
) -> None:
    """Write a row per pair of masks and linear: how many weights both keep, and how alike the linear's inputs were.

    A mixture and a calibration with one of its languages may have drawn the same documents: such pairs are left out.

    Args:
        masks: the magnitude mask, then the masks of the method and pattern in the order of the grid.
        layers: the diagnostics of the masks of the method and pattern, in the order of the grid.
        grid: the study's grid as JSON, see `paths.Grid`.
        languages: calibration, as in paths -> its languages, as JSON.
        model: name of the model.
        method: method of the calibrated masks.
        pattern: their pattern, as in paths.
        output: the table.
        threads: that read and count at one time; no number depends on them.
        code: digest of this step's code.
    """
    spanned = Grid.from_json(json.loads(grid))
    calibrated = [v for v in spanned.calibrated() if (v.method, v.pattern) == (method, pattern)]
    variants = [Variant.uncalibrated("magnitude", pattern), *calibrated]
    parameters = {
        "grid": json.loads(grid),
        "languages": json.loads(languages),
        "model": model,
        "method": method,
        "pattern": pattern,
    }
    provenance = make_provenance("overlap_masks", parameters, code, {"masks": masks, "layers": layers})
    stores = {variant.path: MaskStore(path) for variant, path in zip(variants, masks, strict=True)}
    refuse_mixed_models(stores)
    pairs = [(variant.path, variants[0].path) for variant in calibrated]
    pairs += [(a.path, b.path) for a, b in combinations(calibrated, 2) if comparable(a, b, json.loads(languages))]
    similar = similarities({variant.path: path for variant, path in zip(calibrated, layers, strict=True)})
    of_path = {variant.path: variant for variant in variants}
    rows = [
        {
            "model": model,
            "method": method,
            "pattern": pattern,
            "sample": spanned.sample,
            "propagation": spanned.propagation,
            "relation": relation(of_path[row["a"]], of_path[row["b"]]),
            **{f"calibration_{side}": spanned.name(of_path[row[side]].calibration) for side in "ab"},
            **{f"seed_{side}": of_path[row[side]].seed for side in "ab"},
            **{key: row[key] for key in ("block", "module", "kept_a", "kept_b", "intersection", "union", "iou")},
            "input_similarity": similar(row["a"], row["b"], row["block"], row["module"]),
        }
        for row in overlaps(stores, pairs, threads).iter_rows(named=True)
    ]
    write_table(output, pl.DataFrame(rows, schema=OVERLAP_SCHEMA).to_arrow(), provenance)


def comparable(a: Variant, b: Variant, languages: dict[str, list[str]]) -> bool:
    """Whether two variants are of one calibration, or of calibrations without a common language."""
    return a.calibration == b.calibration or not set(languages[a.calibration]) & set(languages[b.calibration])


def relation(a: Variant, b: Variant) -> str:
    """`magnitude` (the floor), `same` calibration with other documents (the ceiling), or `between` calibrations."""
    if "magnitude" in (a.method, b.method):
        return "magnitude"
    return "same" if a.calibration == b.calibration else "between"


def refuse_mixed_models(stores: dict[str, MaskStore]) -> None:
    """Raise ArtifactError unless all stores were made from one model."""
    models = {path: store.provenance["inputs"]["model"] for path, store in stores.items()}
    first = next(iter(models))
    for path, digest in models.items():
        if digest != models[first]:
            raise ArtifactError(
                f"The masks {path} and {first} are of different models: delete the older and run again."
            )


if __name__ == "__main__":
    run_step(overlap_masks)
