"""The report of a study: one HTML file that holds all it needs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from workflow_scripts.analysis.families import FAMILIES, in_words
from workflow_scripts.reporting.advice import advice_tables
from workflow_scripts.reporting.kit import labels
from workflow_scripts.reporting.kit.calibrations import Known, kinds_of, read_calibrations
from workflow_scripts.reporting.kit.csv_links import frame_link
from workflow_scripts.reporting.kit.section import Section
from workflow_scripts.reporting.kit.svg import inline_svg
from workflow_scripts.reporting.overview import overview
from workflow_scripts.reporting.registry import Entry, sections
from workflow_scripts.reporting.summary import summarise

HERE = Path(__file__).parent
# Counts as code: see `code_digest`.
PACKAGE_DATA = ("template.html.j2", "report.css", "report.js")
MOST_OPEN_ROWS = 40
MOST_OPEN_FINDINGS = 2
FEWEST_FILTERED_ROWS = 20
TITLE = "In which language should I calibrate?"
PERPLEXITY = "nats, tokens, bytes and characters of every document under every variant"


class Drawing(NamedTuple):
    """A figure of one setting and method: its title and the SVG."""

    title: str
    svg: str


def render_report(
    study: Mapping[str, Any], tables: Mapping[str, pl.DataFrame], perplexity: pl.DataFrame | None = None
) -> str:
    """The report as HTML; equal inputs give equal text.

    Args:
        study: `name`, `variants` (their number) and `command` (how to reproduce); `models`, a list of mappings with
            `name`, `source`, `licence` and, where known, `revision`, `parameters` (their number) and `dequantised`
            (restored from a quantised file); `corpora`, a list with `name`, `source`, `licence` and, where known,
            `parallel` (True: aligned sentence by sentence; None: unknown) and `machine_written`; `versions`, library ->
            version; `setup`, label -> text; `calibrations`, calibration -> fields of `calibrations.Made`;
            `durations`, see `durations.read_durations`. What is missing is shown as not
            stated, a missing set-up not at all.
        tables: of `analysis.tables.analyse`.
        perplexity: the long table of perplexities, for those who take it from the page.
    """
    known = {"name": "", "variants": None, "command": "", "models": [], "corpora": [], "versions": {}, "setup": {}}
    calibrations = read_calibrations(study.get("calibrations", {}))
    files = ({"perplexity": perplexity} if perplexity is not None else {}) | dict(tables)
    return (
        _environment()
        .get_template("template.html.j2")
        .render(
            title=TITLE,
            study={**known, "durations": None, **study},
            summary=summarise(study, tables),
            advice=advice_tables(tables, kinds_of(calibrations)),
            overview=overview(tables["effects"], kinds_of(calibrations), tables.get("cloze_effects")),
            shown=[
                _shown(entry, section, tables, calibrations)
                for entry, section in sections()
                if entry.table in tables and section.applies(tables[entry.table])
            ],
            files=[
                (name, words, files[name].height, frame_link(files[name]))
                for name, words in contents().items()
                if name in files
            ],
            seeds=_seeds(tables),
            families=_families(tables),
            most_findings=MOST_OPEN_FINDINGS,
            most_open=MOST_OPEN_ROWS,
            fewest_filtered=FEWEST_FILTERED_ROWS,
        )
    )


def contents() -> dict[str, str]:
    """What the files of a study hold, for those who take them from the page."""
    told = {"perplexity": PERPLEXITY}
    for _, section in sections():
        told |= section.files
    return told


def caption(name: str) -> list[str]:
    """The paragraphs of a figure's caption, the ones that `snakemake --report` shows too."""
    text = (HERE / "sections" / f"{name}.rst").read_text(encoding="utf-8")
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n") if paragraph.strip()]


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _families(tables: Mapping[str, pl.DataFrame]) -> list[tuple[str, str]]:
    """The families of tests of a study: what they are about, and what one of them spans."""
    known = contents()
    about = {name: known.get(name, "").partition(",")[0] for name in FAMILIES}
    about |= {"cloze_chance": "the dense model against chance in cloze items"}
    about |= {"task_chance": "the dense model against chance in tasks"}
    source = {"cloze_chance": "cloze_matrix", "task_chance": "task_matrix"}
    return [(about[name], in_words(name)) for name in FAMILIES if source.get(name, name) in tables]


def _shown(entry: Entry, section: Section, tables: Mapping[str, pl.DataFrame], known: Known) -> dict[str, Any]:
    """A figure with all that the page shows about it."""
    maps, bar = section.maps(tables, known) if section.maps else ([], None)
    made = [(table, is_open) for table, is_open in section.tables(tables, known) if table.rows]
    return {
        "name": entry.name,
        "title": section.title,
        "method": section.method,
        "caption": caption(entry.name),
        "heat_maps": maps,
        "bar": bar,
        "maps_caption": caption(section.maps_caption) if section.maps_caption else [],
        "not_reported": section.gaps(tables),
        "drawings": drawings(entry.name, section, tables[entry.table], known) if section.words else [],
        "examples": section.examples(tables),
        "made_of": _made_of(known) if section.made_of else [],
        "findings": section.findings(tables, known),
        "tables": [(table, is_open and len(table.rows) <= MOST_OPEN_ROWS) for table, is_open in made],
    }


def drawings(name: str, section: Section, table: pl.DataFrame, known: Known | None = None) -> list[Drawing]:
    """The figure of every setting and method, on the same axes."""
    rows = section.shown(table, known)
    keys = ["method", *(labels.EVALUATION_SETTING if "corpus" in table.columns else labels.CALIBRATION_SETTING)]
    among = labels.settings(rows, keys)
    # Per setting the methods side by side.
    among.sort(key=lambda setting: [setting[key] for key in (*keys[1:], "method")])
    made = []
    for number, setting in enumerate(among):
        part = labels.of_setting(rows, setting)
        svg = inline_svg(section.draw(part, among=rows, known=known), f"{name}-{number}-", section.words(part, known))
        made.append(Drawing(labels.method_title(setting, among, ":"), svg))
    return made


def _made_of(known: Known) -> list[tuple[str, str]]:
    """What mixtures and controls are made of, in their order."""
    return [(name, known[name].words) for name in labels.in_order(known, kinds_of(known)) if known[name].words]


def _seeds(tables: Mapping[str, pl.DataFrame]) -> int:
    return tables["matrix"].filter(pl.col("calibration") != labels.NO_TEXT)["seed"].n_unique()
