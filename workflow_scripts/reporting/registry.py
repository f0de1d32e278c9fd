"""The sections of the report, in the order of the page: the one list of them.

It imports none, for rules are parsed where there is no matplotlib; what a section is stands in its module.
"""

from collections.abc import Collection, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from workflow_scripts.reporting.kit.section import Section

PACKAGE = "reporting.sections"


class Entry(NamedTuple):
    """A section's name, which is that of its module and figure; the table that it is about; whether its figure is a file."""

    name: str
    table: str
    is_file: bool = True


SECTIONS = [
    Entry("best_calibration", "best_calibration"),
    Entry("matrix", "mean_matrix"),
    Entry("effects", "effects"),
    Entry("baselines", "baselines"),
    Entry("divergence_effects", "divergence_effects"),
    Entry("cloze_effects", "cloze_effects"),
    Entry("task_effects", "task_effects"),
    Entry("questions_matrix", "questions_matrix", is_file=False),
    Entry("fidelity_matrix", "fidelity_matrix", is_file=False),
    Entry("overlap_by_block", "overlap_by_block"),
    Entry("overlap_by_module", "overlap_by_module"),
    Entry("mask_clusters", "mask_clusters"),
    Entry("error_by_block", "error_by_block"),
    Entry("evaluation_errors", "evaluation_errors"),
    Entry("subspaces", "subspaces"),
    Entry("neurons", "neurons"),
    Entry("lape_entropies", "lape_entropies"),
]


def figure_files(tables: Collection[str]) -> list[str]:
    """Names of the figures that are files, of a study that has something to show in these tables."""
    return [entry.name for entry in SECTIONS if entry.is_file and entry.table in tables]


def section_modules() -> list[str]:
    """The sections' modules as `code_of` takes them, for they are found by name."""
    return [f"{PACKAGE}.{entry.name}" for entry in SECTIONS]


def load(name: str) -> "Section":
    """The section of that name."""
    return import_module(f"workflow_scripts.{PACKAGE}.{name}").SECTION


def sections() -> "Iterator[tuple[Entry, Section]]":
    """All sections with their entries, in the order of the page."""
    return ((entry, load(entry.name)) for entry in SECTIONS)
