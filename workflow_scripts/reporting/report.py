"""The report of a study: one HTML file that holds all it needs."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from workflow_scripts.reporting import labels
from workflow_scripts.reporting.html_tables import (
    Table,
    best_table,
    effects_table,
    matrix_table,
    overlap_table,
    positions_table,
    variants_table,
)
from workflow_scripts.reporting.summary import summarise

HERE = Path(__file__).parent
# Counts as code: see `code_digest`.
PACKAGE_DATA = (
    "template.html.j2",
    "captions/effects.rst",
    "captions/matrix.rst",
    "captions/overlap_by_block.rst",
    "captions/overlap_by_module.rst",
)
MOST_OPEN_ROWS = 40
TITLE = "In which language should I calibrate?"
TITLES = {
    "matrix": "Calibration and evaluation",
    "effects": "What the calibration language changes",
    "overlap_by_block": "Overlap of masks by depth",
    "overlap_by_module": "Overlap of masks by kind of linear",
}


def render_report(study: Mapping[str, Any], tables: Mapping[str, pl.DataFrame], figures: Mapping[str, Path]) -> str:
    """The report as HTML; equal inputs give equal text.

    Args:
        study: `name`, `variants` (their number) and `command` (how to reproduce); `models`, a list of mappings with
            `name`, `source`, `licence` and, where known, `revision`, `parameters` (their number) and `dequantised`
            (restored from a quantised file); `corpora`, a list with `name`, `source`, `licence` and, where known,
            `parallel` (True: aligned sentence by sentence; None: unknown) and `machine_written`; `versions`, library ->
            version; `setup`, label -> text. What is missing is shown as not stated, a missing set-up not at all.
        tables: of `analysis.tables.analyse`.
        figures: SVG files by the names of `figures.draw`; the report leaves out a figure that is missing.
    """
    shown = [
        {
            "name": name,
            "title": title,
            "image": _inlined(figures[name]) if name in figures else None,
            "caption": caption(name),
            "tables": _tables(name, tables),
        }
        for name, title in TITLES.items()
    ]
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.get_template("template.html.j2")
    known = {"name": "", "variants": None, "command": "", "models": [], "corpora": [], "versions": {}, "setup": {}}
    return template.render(
        title=TITLE, study={**known, **study}, summary=summarise(study, tables), shown=shown, seeds=_seeds(tables)
    )


def caption(name: str) -> list[str]:
    """The paragraphs of a figure's caption, the ones that `snakemake --report` shows too."""
    text = (HERE / "captions" / f"{name}.rst").read_text(encoding="utf-8")
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n") if paragraph.strip()]


def _inlined(path: Path) -> str:
    """An SVG as a data URI: ids of several figures cannot clash, as they would in one document."""
    return "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _seeds(tables: Mapping[str, pl.DataFrame]) -> int:
    return tables["matrix"].filter(pl.col("calibration") != labels.NO_TEXT)["seed"].n_unique()


def _tables(name: str, tables: Mapping[str, pl.DataFrame]) -> list[tuple[Table, bool]]:
    """The tables below a figure, each with whether it is open at first; tables without rows are left out."""
    if name == "matrix":
        made = [(matrix_table(tables["mean_matrix"]), True), (variants_table(tables["mean_matrix"]), False)]
    elif name == "effects":
        effects, headline = tables["effects"], labels.headline(tables["effects"])
        against = f"Own language against {labels.language_name(labels.reference_of(effects) or '')}"
        made = [(effects_table(headline, against), True), (best_table(tables["best_calibration"]), True)]
        if headline.height < effects.height:
            made.append((effects_table(effects, "Own language against every other calibration language"), False))
    elif name == "overlap_by_block":
        made = [(positions_table(tables["positions"]), True), (overlap_table(tables[name], "block"), False)]
    else:
        made = [(overlap_table(tables[name], "module"), False)]
    return [(table, is_open and len(table.rows) <= MOST_OPEN_ROWS) for table, is_open in made if table.rows]
