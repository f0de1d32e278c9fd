"""Step: draw the figures of a study, as SVG and PNG."""

import json
from pathlib import Path

import polars as pl

from workflow_scripts.artifacts.files import make_provenance, write_record
from workflow_scripts.reporting.figures import draw, save
from workflow_scripts.reporting.kit.calibrations import read_calibrations
from workflow_scripts.runtime.command_line import run_step


def draw_figures(*, tables: list[Path], calibrations: str, output: list[Path], record: Path, code: str = "") -> None:
    """Write every figure beside each other in both formats.

    Args:
        tables: the tables of `compare_calibrations`.
        calibrations: calibration -> what it is, see `reporting.kit.calibrations.Made`, as JSON.
        output: files to write, `{name}.svg` and `{name}.png` for the names of `reporting.figures.draw`.
        record: what vouches for the figures, to write beside them.
        code: digest of this step's code.
    """
    made_of = json.loads(calibrations)
    provenance = make_provenance("draw_figures", {"calibrations": made_of}, code, {"tables": tables})
    known = read_calibrations(made_of)
    figures = draw({path.stem: pl.read_parquet(path) for path in tables}, known)
    for path in sorted({path.with_suffix("") for path in output}):
        save(figures[path.name], path)
    write_record(record, output, provenance)


if __name__ == "__main__":
    run_step(draw_figures)
