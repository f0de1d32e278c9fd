"""Step: gather the errors of every pruned linear of a study in one long table."""

import json
from itertools import product
from pathlib import Path

import polars as pl

from workflow_scripts.artifacts import make_provenance, read_table, write_table
from workflow_scripts.cli import run_step
from workflow_scripts.paths import Grid, variant_folder


def tabulate_layers(*, results: Path, grid: str, output: Path, code: str = "") -> None:
    """Write a row per model, calibrated variant, block and linear; magnitude, which saw no text, has no errors.

    Args:
        results: folder of the artifacts; the paths below it follow from the grid.
        grid: the study's grid as JSON, see `paths.Grid`.
        output: the table.
        code: digest of this step's code.
    """
    spanned = Grid.from_json(json.loads(grid))
    parts, files = [], []
    for model, variant in product(spanned.models, spanned.calibrated()):
        files.append(variant_folder(results, model, variant) / "layers.parquet")
        labels = {"model": model, "variant": variant.path, **vars(variant)}
        columns = [pl.lit(value).alias(key) for key, value in labels.items()]
        parts.append(pl.DataFrame(read_table(files[-1])).select(*columns, pl.all()))
    # Damping is NaN, of one type or another, where a method has none.
    table = pl.concat(parts, how="vertical_relaxed").sort("model", "variant", "block", "module")
    provenance = make_provenance("tabulate_layers", {"grid": json.loads(grid)}, code, {"layers": files})
    write_table(output, table.to_arrow(), provenance)


if __name__ == "__main__":
    run_step(tabulate_layers)
