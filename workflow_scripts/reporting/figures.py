"""The figures of a study as files: no global state, equal bytes every time."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from workflow_scripts.artifacts.files import replacing
from workflow_scripts.reporting.kit.calibrations import Known
from workflow_scripts.reporting.kit.svg import styled, svg_text
from workflow_scripts.reporting.registry import sections

DOTS_PER_INCH = 150


def draw(tables: Mapping[str, pl.DataFrame], known: Known | None = None) -> dict[str, Figure]:
    """All figures of a study by name, from the tables of `analysis.tables.analyse`; `known` says what calibrations are."""
    return {
        entry.name: section.draw(section.shown(tables[entry.table], known), known=known)
        for entry, section in sections()
        if entry.is_file and entry.table in tables
    }


@styled
def save(figure: Figure, path: Path) -> None:
    """Write `path`.svg (text as outlines, so that it looks alike everywhere) and `path`.png; both without a date."""
    with replacing(path.with_name(f"{path.name}.svg")) as temporary:
        temporary.write_text(svg_text(figure), encoding="utf-8")
    with replacing(path.with_name(f"{path.name}.png")) as temporary:
        figure.dpi = DOTS_PER_INCH
        FigureCanvasAgg(figure).print_png(temporary, metadata={"Software": None})
