"""What the calibration language changes, in loss."""

from workflow_scripts.reporting.kit import labels
from workflow_scripts.reporting.kit.calibrations import Known, kinds_of
from workflow_scripts.reporting.kit.effect_tables import effects_table, single_masks
from workflow_scripts.reporting.kit.intervals import effect_intervals, headline_of, of_effects
from workflow_scripts.reporting.kit.section import Section, Tables
from workflow_scripts.reporting.kit.tables import Table

# Counts as code: see `code_digest`.
PACKAGE_DATA = ("effects.rst",)


def _tables(tables: Tables, known: Known) -> list[tuple[Table, bool]]:
    kinds, effects = kinds_of(known), tables["effects"]
    headline = labels.headline(effects, kinds)
    against = f"Own language against {labels.language_name(labels.reference_of(effects, kinds) or '')}"
    made = [(effects_table(headline, "own_language", against), True)]
    if headline.height < effects.height:
        every = "Own language against every other calibration language"
        made.append((effects_table(effects, "every_language", every), False))
    return made + single_masks(tables, effects["unit"], "single_masks", known)


SECTION = Section(
    title="What the calibration language changes",
    files={
        "effects": "own language against every other, with intervals",
        "within_mask": "differences within single masks, with intervals over documents",
    },
    shown=headline_of,
    draw=effect_intervals,
    words=of_effects,
    tables=_tables,
)
