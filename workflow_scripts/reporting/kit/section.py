"""What a section of the report is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from workflow_scripts.reporting.kit.calibrations import Known
from workflow_scripts.reporting.kit.maps import Bar, HeatMap
from workflow_scripts.reporting.kit.tables import Table

Tables = Mapping[str, pl.DataFrame]
"""Of `analysis.tables.analyse`, by name."""


def _all(table: pl.DataFrame, known: Known | None = None) -> pl.DataFrame:
    return table


def _nothing(*_: Any) -> list:
    return []


@dataclass(frozen=True)
class Section:
    """A section: a figure, its words and tables, and what cannot be concluded; its caption is the file beside its module.

    Functions take the study's tables and what is known of its calibrations. `table` is the one that the registry names.

    Attributes:
        title: its heading.
        files: table -> what it holds, of those that are explained here; the page offers them as files.
        method: how it was measured, as HTML, for the page's list of methods.
        applies: whether the table has what the section is about.
        shown: the rows of the table that are drawn.
        draw: the figure from these rows, for files and, where there are `words`, for the page; there rows are of one
            setting and method, and `among` are all, whose axes they share.
        words: what the figure shows, for those who cannot see it.
        maps: matrices, with their bar of colours.
        maps_caption: name of the matrices' own caption.
        tables: tables, each with whether it is open at first; those without rows are left out.
        findings: a heading (method and setting) and sentences for each.
        gaps: what the section does not show, and why.
        examples: texts side by side.
        made_of: whether it lists what mixtures and controls are made of.
    """

    title: str
    files: Mapping[str, str]
    method: str = ""
    applies: Callable[[pl.DataFrame], bool] = lambda table: True
    shown: Callable[[pl.DataFrame, Known | None], pl.DataFrame] = _all
    draw: Callable[..., Figure] | None = None
    words: Callable[[pl.DataFrame, Known | None], str] | None = None
    maps: Callable[[Tables, Known], tuple[list[HeatMap], Bar]] | None = None
    maps_caption: str = ""
    tables: Callable[[Tables, Known], list[tuple[Table, bool]]] = _nothing
    findings: Callable[[Tables, Known], list[tuple[str, list[str]]]] = _nothing
    gaps: Callable[[Tables], list[str]] = _nothing
    examples: Callable[[Tables], list[Any]] = _nothing
    made_of: bool = False
