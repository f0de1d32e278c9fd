"""Step: gather the errors of every pruned linear of a study in one long table."""

import json
from itertools import product
from pathlib import Path

import polars as pl

from workflow_scripts.analysis.gather import VARIANT_LABELS, gather, labels_of
from workflow_scripts.artifacts.files import make_provenance, write_table
from workflow_scripts.artifacts.paths import Grid, variant_folder
from workflow_scripts.runtime.command_line import run_step

DIAGNOSTICS = pl.Schema(
    {"block": pl.Int64, "module": pl.String}
    | {c: pl.Float64 for c in ("sparsity", "local_error", "path_error", "signal_to_noise", "damping")}
    | {"sample_tokens": pl.Int64, "criterion": pl.String}
)
LAYERS_TABLE = pl.Schema(dict(VARIANT_LABELS) | dict(DIAGNOSTICS))


def tabulate_layers(*, results: Path, grid: str, output: Path, code: str = "") -> None:
    """Write a row per model, calibrated variant, block and linear; magnitude, which saw no text, has no errors.

    Args:
        results: folder of the artifacts; the paths below it follow from the grid.
        grid: the study's grid as JSON, see `paths.Grid`.
        output: the table.
        code: digest of this step's code.
    """
    spanned = Grid.from_json(json.loads(grid))
    files = {
        variant_folder(results, model, variant) / "layers.parquet": labels_of(spanned, model, variant)
        for model, variant in product(spanned.models, spanned.calibrated())
    }
    table = gather(files, DIAGNOSTICS.names()).sort("model", "variant", "block", "module").cast(dict(LAYERS_TABLE))
    provenance = make_provenance("tabulate_layers", {"grid": json.loads(grid)}, code, {"layers": list(files)})
    write_table(output, table.to_arrow(), provenance)


if __name__ == "__main__":
    run_step(tabulate_layers)
