"""Step: draw the figures of a study, as SVG and PNG."""

import json
from pathlib import Path

import polars as pl

from workflow_scripts.artifacts import refuse_damaged
from workflow_scripts.cli import run_step
from workflow_scripts.reporting.calibrations import read_calibrations
from workflow_scripts.reporting.figures import draw, save


def draw_figures(*, tables: list[Path], calibrations: str, output: list[Path], code: str = "") -> None:
    """Write every figure beside each other in both formats.

    Args:
        tables: the tables of `compare_calibrations`.
        calibrations: calibration -> what it is, see `reporting.calibrations.Made`, as JSON.
        output: files to write, `{name}.svg` and `{name}.png` for the names of `reporting.figures.draw`.
        code: digest of this step's code.
    """
    for path in tables:
        refuse_damaged(path)
    known = read_calibrations(json.loads(calibrations))
    figures = draw({path.stem: pl.read_parquet(path) for path in tables}, known)
    for path in sorted({path.with_suffix("") for path in output}):
        save(figures[path.name], path)


if __name__ == "__main__":
    run_step(draw_figures)
