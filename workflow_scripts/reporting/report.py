"""The report of a study: one HTML file that holds all it needs."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from workflow_scripts.analysis.cloze import MARGIN
from workflow_scripts.analysis.families import FAMILIES, in_words
from workflow_scripts.analysis.tasks import POINTS
from workflow_scripts.reporting import heat, inside, inside_figures, labels, page_figures, tree, written
from workflow_scripts.reporting.baselines import baseline_findings, other_texts, relevant
from workflow_scripts.reporting.calibrations import Known, kinds_of, read_calibrations
from workflow_scripts.reporting.csv_links import frame_link
from workflow_scripts.reporting.downstream import task_findings
from workflow_scripts.reporting.html_tables import (
    Table,
    accuracy_table,
    advice_table,
    best_table,
    choices_table,
    divergence_table,
    effects_table,
    errors_table,
    fidelity_table,
    matrix_table,
    one_for_all_table,
    overlap_table,
    positions_table,
    questions_table,
    variants_table,
    within_mask_table,
)
from workflow_scripts.reporting.knowledge import knowledge_findings, not_reported
from workflow_scripts.reporting.overview import overview
from workflow_scripts.reporting.summary import summarise

HERE = Path(__file__).parent
# Counts as code: see `code_digest`.
PACKAGE_DATA = (
    "template.html.j2",
    "report.css",
    "report.js",
    "captions/baselines.rst",
    "captions/best_calibration.rst",
    "captions/cloze_effects.rst",
    "captions/cloze_matrix.rst",
    "captions/divergence_effects.rst",
    "captions/divergence_matrix.rst",
    "captions/effects.rst",
    "captions/error_by_block.rst",
    "captions/evaluation_errors.rst",
    "captions/fidelity_matrix.rst",
    "captions/lape_entropies.rst",
    "captions/mask_clusters.rst",
    "captions/matrix.rst",
    "captions/neurons.rst",
    "captions/overlap_by_block.rst",
    "captions/overlap_by_module.rst",
    "captions/questions_matrix.rst",
    "captions/subspaces.rst",
    "captions/task_effects.rst",
    "captions/task_matrix.rst",
)
MOST_OPEN_ROWS = 40
MOST_OPEN_FINDINGS = 2
FEWEST_FILTERED_ROWS = 20
TITLE = "In which language should I calibrate?"
TITLES = {
    "best_calibration": "What each calibration costs",
    "matrix": "Calibration and evaluation",
    "effects": "What the calibration language changes",
    "baselines": "Baselines: is it the language?",
    "divergence_effects": "Divergence from the dense model",
    "cloze_effects": "What the pruned models still know",
    "task_effects": "Downstream tasks",
    "questions_matrix": "What the pruned models answer",
    "fidelity_matrix": "Whether the pruned models keep to the language",
    "overlap_by_block": "Overlap of masks by depth",
    "overlap_by_module": "Overlap of masks by kind of linear",
    "mask_clusters": "Which languages choose alike",
    "error_by_block": "Error by depth",
    "evaluation_errors": "Signal-to-noise on evaluation text",
    "subspaces": "What is lost: specific and agnostic parts",
    "neurons": "Language-specific neurons",
    "lape_entropies": "How specific neurons are",
}
# Effects that are shown only where the dense model beats chance -> the matrix that says so.
KNOWN_AT_ALL = {"cloze_effects": "cloze_matrix", "task_effects": "task_matrix"}
# What the files of a study hold, for those who take them from the page.
CONTENTS = {
    "perplexity": "nats, tokens, bytes and characters of every document under every variant",
    "matrix": "perplexity and bits per byte of every variant and language",
    "mean_matrix": "the same, averaged over seeds",
    "effects": "own language against every other, with intervals",
    "baselines": "own language against mixtures and controls, with intervals",
    "divergence_effects": "divergence from the dense model with own language against every other calibration",
    "best_calibration": "loss and regret of every calibration, and how sure the best one is",
    "predictors": "how well overlap of masks, input norms and local error foretell which calibration serves",
    "predicted_picks": "what they would have picked for each language",
    "choices": "ways to choose a calibration, side by side",
    "one_for_all": "one calibration for all languages: mean drop and that of the worst language",
    "input_similarity": "how alike two calibrations feed the model: correlation of input norms",
    "overlap_by_pair": "overlap of masks, pooled",
    "overlap_by_block": "overlap of masks by block",
    "overlap_by_module": "overlap of masks by kind of linear",
    "mask_clusters": "tree of languages by their masks",
    "overlap_relations": "how overlap of masks goes with loss and with local error",
    "positions": "overlap between floor and ceiling",
    "positions_by_module": "the same by kind of linear",
    "layer_errors": "errors of every linear, averaged over seeds",
    "error_by_block": "the same by block",
    "cloze_matrix": "accuracy and margin of factual cloze items",
    "cloze_effects": "margin with own language against every other calibration, with intervals",
    "task_matrix": "accuracy and margin of the items of tasks",
    "task_effects": "accuracy and margin with own language against every other calibration, with intervals",
    "within_mask": "differences within single masks, with intervals over documents",
    "questions_matrix": "answers to open questions",
    "questions_effects": "nats of gold answers with own language against every other calibration, with intervals",
    "fidelity_matrix": "language, script and repetition of continuations",
    "fidelity_effects": "language and repetition with own language against every other calibration, with intervals",
    "continuation_examples": "continuations side by side",
    "evaluation_errors": "error and signal-to-noise of every block on evaluation text",
    "evaluation_error_effects": "noise on evaluation text with own language against every other calibration, with intervals",
    "subspace_ranks": "rank of the language-specific subspace of the dense model",
    "subspaces": "error and retrieval of the specific and the agnostic part of every block",
    "neurons": "language-specific and agnostic neurons kept, lost and new",
    "neurons_by_block": "the same by block",
    "neuron_overlap": "neurons that are specific for two languages",
    "lape_entropies": "distribution of neurons' entropies over languages",
}


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
            advice=_advice(tables, kinds_of(calibrations)),
            overview=overview(tables["effects"], kinds_of(calibrations), tables.get("cloze_effects")),
            shown=[_section(name, tables, calibrations) for name in TITLES if _applies(name, tables)],
            files=[
                (name, CONTENTS[name], files[name].height, frame_link(files[name]))
                for name in CONTENTS
                if name in files
            ],
            seeds=_seeds(tables),
            families=_families(tables),
            most_findings=MOST_OPEN_FINDINGS,
            most_open=MOST_OPEN_ROWS,
            fewest_filtered=FEWEST_FILTERED_ROWS,
        )
    )


def _advice(tables: Mapping[str, pl.DataFrame], kinds: Mapping[str, str]) -> list[Table]:
    """Which calibration for which language, and which for all; of studies with a choice of calibrations."""
    best = tables["best_calibration"]
    if best["calibration"].n_unique() < 2:
        return []
    made = [advice_table(best, labels.reference_of(tables["effects"], kinds), kinds)]
    several = tables["one_for_all"].filter(pl.col("languages") > 1)
    return made + ([one_for_all_table(several, kinds)] if several.height else [])


def caption(name: str) -> list[str]:
    """The paragraphs of a figure's caption, the ones that `snakemake --report` shows too."""
    text = (HERE / "captions" / f"{name}.rst").read_text(encoding="utf-8")
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
    about = {name: CONTENTS.get(name, "").partition(",")[0] for name in FAMILIES}
    about |= {"cloze_chance": "the dense model against chance in cloze items"}
    about |= {"task_chance": "the dense model against chance in tasks"}
    source = {"cloze_chance": "cloze_matrix", "task_chance": "task_matrix"}
    return [(about[name], in_words(name)) for name in FAMILIES if source.get(name, name) in tables]


def _applies(name: str, tables: Mapping[str, pl.DataFrame]) -> bool:
    """Whether a study has what a section is about."""
    if name in (*KNOWN_AT_ALL, *inside_figures.FIGURES, "questions_matrix", "fidelity_matrix"):
        return name in tables
    if name == "best_calibration":
        return tables[name]["calibration"].n_unique() > 1
    return name not in ("baselines", "mask_clusters") or not tables[name].is_empty()


def _section(name: str, tables: Mapping[str, pl.DataFrame], known: Known) -> dict[str, Any]:
    """A figure with all that the page shows about it."""
    maps, bar, maps_caption = [], None, []
    if name == "matrix":
        maps, bar = page_figures.heat_maps(tables["mean_matrix"], known), page_figures.colour_bar(tables["mean_matrix"])
    elif name in KNOWN_AT_ALL:
        maps, bar = page_figures.accuracy_maps(tables[KNOWN_AT_ALL[name]], known), page_figures.accuracy_bar()
        maps_caption = caption(KNOWN_AT_ALL[name])
    elif name == "divergence_effects":
        maps = page_figures.heat_maps(tables["mean_matrix"], known, heat.DIVERGENCE)
        bar = page_figures.colour_bar(tables["mean_matrix"], heat.DIVERGENCE)
        maps_caption = caption("divergence_matrix")
    elif name == "questions_matrix":
        maps, bar = written.maps(tables[name], [written.F1], known), written.questions_bar()
    elif name == "fidelity_matrix":
        maps = written.maps(tables[name], [written.IN_LANGUAGE, written.REPETITION], known)
        bar = written.fidelity_bar()
    return {
        "name": name,
        "title": TITLES[name],
        "caption": caption(name),
        "heat_maps": maps,
        "bar": bar,
        "maps_caption": maps_caption,
        "not_reported": _gaps(name, tables),
        "drawings": page_figures.drawings(name, tables[name], known) if name in page_figures.DRAWN else [],
        "examples": written.examples(tables["continuation_examples"]) if name == "fidelity_matrix" else [],
        "made_of": _made_of(known) if name in ("matrix", "baselines") else [],
        "findings": _findings(name, tables, known),
        "tables": _tables(name, tables, known),
    }


def _gaps(name: str, tables: Mapping[str, pl.DataFrame]) -> list[str]:
    """What a section does not show, and why."""
    if name == "questions_matrix":
        return written.questions_gaps(tables)
    if name == "fidelity_matrix":
        return written.fidelity_gaps(tables)
    return not_reported(tables[KNOWN_AT_ALL[name]]) if name in KNOWN_AT_ALL else []


def _made_of(known: Known) -> list[tuple[str, str]]:
    """What mixtures and controls are made of, in their order."""
    return [(name, known[name].words) for name in labels.in_order(known, kinds_of(known)) if known[name].words]


def _cloze_tables(tables: Mapping[str, pl.DataFrame], known: Known) -> list[tuple[Table, bool]]:
    effects, kinds = tables["cloze_effects"], kinds_of(known)
    headline = labels.headline(effects, kinds)
    against = f"Margin with own language against {labels.language_name(labels.reference_of(effects, kinds) or '')}"
    every = "Margin with own language against every other calibration"
    named = ((headline, "own_language_margin", against), (effects, "every_calibration_margin", every))
    margins = [
        (effects_table(rows, name, caption, known), rows is headline) for rows, name, caption in named if rows.height
    ]
    single = _single_masks(tables, effects["unit"], "single_masks_cloze", known)
    return [(accuracy_table(tables["cloze_matrix"], known), False), *margins, *single]


def _single_masks(
    tables: Mapping[str, pl.DataFrame], units: Iterable[str], name: str, known: Known
) -> list[tuple[Table, bool]]:
    """The differences within single masks in these units, of studies that have too few seeds for more."""
    if "within_mask" not in tables:
        return []
    rows = tables["within_mask"].filter(pl.col("unit").is_in(set(units)))
    return [(within_mask_table(rows, name, known), False)] if rows.height else []


def _task_tables(tables: Mapping[str, pl.DataFrame], known: Known) -> list[tuple[Table, bool]]:
    made = [(accuracy_table(tables["task_matrix"], known, "task_accuracies"), False)]
    for unit, name, measure in ((POINTS, "accuracy", "Accuracy"), (MARGIN, "margin", "Margin")):
        effects = tables["task_effects"].filter(pl.col("unit") == unit)
        head = labels.headline(effects, kinds_of(known))
        against = labels.language_name(labels.reference_of(effects, kinds_of(known)) or "")
        named = (
            (head, f"own_language_task_{name}", f"{measure} in tasks with own language against {against}"),
            (effects, f"task_{name}", f"{measure} in tasks with own language against every other calibration"),
        )
        made += [
            (effects_table(rows, table, words, known), rows is head and unit == POINTS)
            for rows, table, words in named
            if rows.height
        ]
    return made + _single_masks(tables, [POINTS], "single_masks_tasks", known)


def _divergence_tables(tables: Mapping[str, pl.DataFrame], known: Known) -> list[tuple[Table, bool]]:
    every = "Divergence with own language against every other calibration"
    return [
        (divergence_table(tables["mean_matrix"], kinds_of(known)), False),
        (effects_table(tables["divergence_effects"], "own_language_divergence", every, known), False),
        *_single_masks(tables, tables["divergence_effects"]["unit"], "single_masks_divergence", known),
    ]


def _fidelity_tables(tables: Mapping[str, pl.DataFrame], known: Known) -> list[tuple[Table, bool]]:
    """The measures, and a table of effects, or of differences within single masks, per unit."""
    effects = tables["fidelity_effects"]
    made = [(fidelity_table(tables["fidelity_matrix"], known), False)]
    for number, (_, rows) in enumerate(effects.partition_by("unit", as_dict=True).items()):
        caption = f"{labels.capital(rows['unit'][0])} with own language against every other calibration"
        made.append((effects_table(rows, f"every_calibration_fidelity_{number}", caption, known), False))
        made += _single_masks(tables, rows["unit"], f"single_masks_fidelity_{number}", known)
    return made


def _findings(name: str, tables: Mapping[str, pl.DataFrame], known: Known) -> list[tuple[str, list[str]]]:
    """What a section says in words, where it says it itself."""
    if name == "baselines":
        return baseline_findings(tables, known)
    if name == "task_effects":
        return task_findings(tables, known)
    if name == "questions_matrix":
        return written.questions_findings(tables, known)
    if name == "fidelity_matrix":
        return written.fidelity_findings(tables, known)
    return knowledge_findings(tables, known) if name == "cloze_effects" else []


def _baseline_tables(baselines: pl.DataFrame, effects: pl.DataFrame, known: Known) -> list[tuple[Table, bool]]:
    headline = relevant(baselines, known)
    rest = baselines.join(headline, on=["own", "other"], how="anti")
    against = "Own language against mixtures, random tokens, and controls made of its own texts"
    foreign = "Own language against controls made of the texts of other languages"
    texts = other_texts(baselines, known)
    mismatches = pl.concat([texts, effects.join(texts, on="own", how="semi")])
    beside = "Another kind of text, and another language, in place of the own"
    named = (
        (headline, "own_and_baselines", against),
        (mismatches, "register_and_language", beside),
        (rest, "own_and_foreign_controls", foreign),
    )
    return [
        (effects_table(rows, name, caption, known), name == "own_and_baselines")
        for rows, name, caption in named
        if rows.height
    ]


def _inside_tables(name: str, tables: Mapping[str, pl.DataFrame], known: Known) -> list[tuple[Table, bool]]:
    if name == "subspaces":
        return [
            (inside.ranks_table(tables["subspace_ranks"]), True),
            (inside.subspaces_table(tables[name], known), False),
        ]
    if name == "neurons":
        return [
            (inside.neurons_table(tables[name], known), False),
            (inside.sharing_table(tables["neuron_overlap"], known), False),
        ]
    if name == "evaluation_errors":
        every = "Noise in dB with own language against every other calibration"
        return [(effects_table(tables["evaluation_error_effects"], "every_calibration_noise", every, known), False)]
    return []


def _seeds(tables: Mapping[str, pl.DataFrame]) -> int:
    return tables["matrix"].filter(pl.col("calibration") != labels.NO_TEXT)["seed"].n_unique()


def _tables(name: str, tables: Mapping[str, pl.DataFrame], known: Known) -> list[tuple[Table, bool]]:
    """The tables below a figure, each with whether it is open at first; tables without rows are left out."""
    kinds = kinds_of(known)
    if name == "best_calibration":
        made = [(best_table(tables[name], kinds), True), (choices_table(tables, known), True)]
    elif name == "matrix":
        made = [
            (matrix_table(tables["mean_matrix"], kinds), False),
            (variants_table(tables["mean_matrix"], kinds), False),
        ]
    elif name == "effects":
        effects, headline = tables["effects"], labels.headline(tables["effects"], kinds)
        against = f"Own language against {labels.language_name(labels.reference_of(effects, kinds) or '')}"
        made = [(effects_table(headline, "own_language", against), True)]
        if headline.height < effects.height:
            every = "Own language against every other calibration language"
            made.append((effects_table(effects, "every_language", every), False))
        made += _single_masks(tables, effects["unit"], "single_masks", known)
    elif name == "divergence_effects":
        made = _divergence_tables(tables, known)
    elif name == "cloze_effects":
        made = _cloze_tables(tables, known)
    elif name == "task_effects":
        made = _task_tables(tables, known)
    elif name == "baselines":
        made = _baseline_tables(tables[name], tables["effects"], known)
    elif name == "questions_matrix":
        every = "Nats per gold answer with own language against every other calibration"
        effects = effects_table(tables["questions_effects"], "every_calibration_answers", every, known)
        single = _single_masks(tables, tables["questions_effects"]["unit"], "single_masks_answers", known)
        made = [(questions_table(tables[name], known), False), (effects, False), *single]
    elif name == "fidelity_matrix":
        made = _fidelity_tables(tables, known)
    elif name == "overlap_by_block":
        made = [(positions_table(tables["positions"], kinds), True), (overlap_table(tables[name], "block"), False)]
    elif name == "overlap_by_module":
        made = [(overlap_table(tables[name], "module"), False)]
    elif name == "mask_clusters":
        made = [(tree.clusters_table(tables[name]), False), (tree.relations_table(tables["overlap_relations"]), True)]
    elif name in inside_figures.FIGURES:
        made = _inside_tables(name, tables, known)
    else:
        made = [(errors_table(tables[name], kinds), False)]
    return [(table, is_open and len(table.rows) <= MOST_OPEN_ROWS) for table, is_open in made if table.rows]
