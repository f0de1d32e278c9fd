"""Language-specific neurons that are kept, lost and new."""

from collections.abc import Mapping

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from workflow_scripts.analysis.activations import AGNOSTIC, HALF
from workflow_scripts.reporting.kit import drawing, labels
from workflow_scripts.reporting.kit.calibrations import Known, kinds_of
from workflow_scripts.reporting.kit.inside import DENSE_COLOUR, calibrated
from workflow_scripts.reporting.kit.labels import NO_TEXT
from workflow_scripts.reporting.kit.section import Section, Tables
from workflow_scripts.reporting.kit.svg import describe_mark, styled
from workflow_scripts.reporting.kit.tables import Column, Table, make_table

# Counts as code: see `code_digest`.
PACKAGE_DATA = ("neurons.rst",)

NEURON_SHARES = {"kept": "share of the dense model's neurons", "new": "share of the pruned model's neurons"}


def with_reference(neurons: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of `neurons` with what is kept and new in the dense model on another half of the texts."""
    half = neurons.filter(pl.col("calibration") == HALF).select(
        "model", "language", *(pl.col(f"{measure}_share").alias(f"half_{measure}") for measure in NEURON_SHARES)
    )
    return rows.join(half, on=["model", "language"], how="left")


@styled
def neurons_kept(rows: pl.DataFrame, among: pl.DataFrame | None = None, known: Known | None = None) -> Figure:
    """Specific neurons that a pruned model keeps, and those that are new in it; a tick for what other texts do.

    Rows are those of `shown`.
    """
    if rows.is_empty():
        return drawing.nothing("No variant was calibrated.")
    kinds = kinds_of(known)
    languages = [*labels.in_order(set(rows["language"]) - {AGNOSTIC}), AGNOSTIC]
    names = labels.in_order(rows["calibration"], kinds)
    methods = sorted(set(rows["method"]))
    panels = {
        f"{labels.method_name(method) + ': ' if among is None else ''}{measure}": (method, measure)
        for measure in NEURON_SHARES
        for method in methods
    }
    doubled = pl.concat(
        rows.filter(pl.col("method") == method).with_columns(panel=pl.lit(title), measure=pl.lit(measure))
        for title, (method, measure) in panels.items()
    )

    def panel(axes: Axes, part: pl.DataFrame) -> None:
        measure = part["measure"][0]
        share = f"{measure}_share"
        for row in part.filter(pl.col(share).is_not_null()).iter_rows(named=True):
            base = languages.index(row["language"])
            place = base + (names.index(row["calibration"]) + 1) / (len(names) + 1) - 0.5
            look = labels.look(row["calibration"], kinds)
            axes.plot([row[f"{share}_min"], row[f"{share}_max"]], [place] * 2, color=look.colour, linewidth=1.2)
            face = look.colour if row["calibration"] == row["language"] else "white"
            [mark] = axes.plot(row[share], place, look.marker, color=look.colour, markersize=5, markerfacecolor=face)
            describe_mark(mark, _neuron_words(row))
            if row[f"half_{measure}"] is not None:
                ends = [base - 0.45, base + 0.45]
                axes.plot([row[f"half_{measure}"]] * 2, ends, color=DENSE_COLOUR, linewidth=1.6, zorder=1)
        axes.set_yticks(
            range(len(languages)), [name if name == AGNOSTIC else labels.with_code(name) for name in languages]
        )
        axes.set(xlim=(-0.03, 1.03), ylim=(len(languages) - 0.4, -0.6), xlabel=NEURON_SHARES[measure])

    size = (4.2, (0.11 * len(names) + 0.16) * len(languages) + 0.7)
    figure = drawing.grid(
        doubled,
        labels.CALIBRATION_SETTING,
        size,
        panel,
        share="xy",
        by="panel",
        titled=among is None,
        columns=len(methods),
    )
    handles = [
        Line2D([], [], **drawing.calibration_line(labels.look(name, kinds)) | {"linestyle": "none"}) for name in names
    ]
    tick = Line2D([], [], color=DENSE_COLOUR, marker="|", markersize=11, markeredgewidth=2, linestyle="none")
    return drawing.legend(figure, [*handles, tick], [*map(labels.with_code, names), "dense model, other texts"])


def _neuron_words(row: Mapping) -> str:
    """The numbers of a mark; of a language without neurons in the dense model no share is kept."""
    kept = "" if row["kept_share"] is None else f" ({labels.percent(row['kept_share'])})"
    return (
        f"{row['language']} neurons, calibrated in {row['calibration']}: {row['kept']:.0f} of {row['dense']:.0f} kept{kept}, "
        f"{row['lost']:.0f} lost, {row['new']:.0f} new"
    )


def of_neurons(rows: pl.DataFrame, known: Known | None = None) -> str:
    """What share of each set is kept and new, from the least to the most over calibrations."""
    sentences = ["Neurons kept of the dense model's, and new of the pruned model's."]
    for language in [*labels.in_order(set(rows["language"]) - {AGNOSTIC}), AGNOSTIC]:
        name = labels.capital(AGNOSTIC) if language == AGNOSTIC else labels.language_name(language)
        own = rows.filter(pl.col("language") == language)
        shares = {measure: own[f"{measure}_share"].drop_nulls() for measure in ("kept", "new")}
        told = [
            f"{measure} {labels.percent(found.min())} to {labels.percent(found.max())}"
            for measure, found in shares.items()
            if found.len()
        ]
        if told:
            sentences.append(f"{name}: {', '.join(told)}.")
    return " ".join(sentences)


def neurons_table(neurons: pl.DataFrame, known: Known | None = None) -> Table:
    """Neurons kept, lost and new in each language."""
    columns = [
        Column("method", "method", labels.method_name),
        Column("calibration", "calibration", labels.calibration_name),
        Column("neurons of", "language", lambda name: name if name == AGNOSTIC else labels.with_code(name)),
        Column("dense model", "dense", "{:.0f}".format),
        Column("kept", "kept", "{:.0f}".format),
        Column("lost", "lost", "{:.0f}".format),
        Column("new", "new", "{:.0f}".format),
        Column("share kept", "kept_share", labels.percent),
        Column("share new", "new_share", labels.percent),
    ]
    rows = neurons.filter(~((pl.col("method") == "dense") & (pl.col("calibration") == NO_TEXT)))
    caption = "Language-specific and agnostic neurons under the dense model's thresholds, mean over seeds"
    return make_table("neurons_kept", caption, rows.to_dicts(), columns, labels.CALIBRATION_SETTING)


def sharing_table(overlap: pl.DataFrame, known: Known | None = None) -> Table:
    """Neurons that are specific for two languages."""
    columns = [
        Column("method", "method", labels.method_name),
        Column("calibration", "calibration", labels.calibration_name),
        Column("neurons of", "language_a", labels.with_code),
        Column("and", "language_b", labels.with_code),
        Column("of both", "both", "{:.0f}".format),
        Column("of either", "either", "{:.0f}".format),
        Column("shared", "jaccard", labels.percent),
    ]
    return make_table(
        "neurons_shared",
        "Neurons that are specific for two languages",
        overlap.to_dicts(),
        columns,
        labels.CALIBRATION_SETTING,
    )


def _tables(tables: Tables, known: Known) -> list[tuple[Table, bool]]:
    return [(neurons_table(tables["neurons"], known), False), (sharing_table(tables["neuron_overlap"], known), False)]


SECTION = Section(
    title="Language-specific neurons",
    files={
        "neurons": "language-specific and agnostic neurons kept, lost and new",
        "neurons_by_block": "the same by block",
        "neuron_overlap": "neurons that are specific for two languages",
    },
    shown=lambda neurons, known: with_reference(neurons, calibrated(neurons)),
    draw=neurons_kept,
    words=of_neurons,
    tables=_tables,
)
