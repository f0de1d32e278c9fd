"""Figures of what pruning does inside of a model: subspaces, errors on evaluation text, neurons."""

from collections.abc import Mapping

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from workflow_scripts.analysis.activations import AGNOSTIC, HALF
from workflow_scripts.reporting import drawing, labels
from workflow_scripts.reporting.calibrations import Known, kinds_of
from workflow_scripts.reporting.labels import NO_TEXT
from workflow_scripts.reporting.svg import describe_mark, styled

PARTS = {"specific": "#d55e00", "agnostic": "#0072b2", "random": "#7a7a7a"}
PART_NAMES = {
    "specific": "language-specific",
    "agnostic": "language-agnostic",
    "random": "random, of equal rank",
}
OWN, OTHER = "own", "others"
DASHES = {OWN: "-", OTHER: ":"}
CALIBRATED = {OWN: "own language", OTHER: "other languages"}
DENSE_COLOUR = "#222222"
NEURON_SHARES = {"kept": "share of the dense model's neurons", "new": "share of the pruned model's neurons"}


def with_owner(rows: pl.DataFrame, known: Known | None = None) -> pl.DataFrame:
    """Rows of calibrations that are a language, with `owner`: `own` where it is the evaluated one, else `others`."""
    kinds = kinds_of(known)
    languages = [name for name in set(rows["calibration"]) - {NO_TEXT} if labels.kind_of(name, kinds) == "language"]
    own = pl.col("calibration") == pl.col("language")
    return rows.filter(pl.col("calibration").is_in(languages)).with_columns(
        owner=pl.when(own).then(pl.lit(OWN)).otherwise(pl.lit(OTHER))
    )


def shown(name: str, table: pl.DataFrame) -> pl.DataFrame:
    """The rows of a table that its figure draws: calibrated ones; of subspaces, those of the chosen rank."""
    rows = table.filter(pl.col("calibration") != NO_TEXT, pl.col("method") != "dense")
    if name == "subspaces":
        # Own and other calibrations are averaged over the same languages: those that some variant was calibrated in.
        both = pl.col("language").is_in(rows["calibration"].unique().implode())
        evaluated = rows.filter(both) if rows.select(both.any()).item() else rows
        return evaluated.filter(pl.col("chosen"), pl.col("part") != "whole")
    return with_reference(table, rows) if name == "neurons" else rows


def with_reference(neurons: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of `neurons` with what is kept and new in the dense model on another half of the texts."""
    half = neurons.filter(pl.col("calibration") == HALF).select(
        "model", "language", *(pl.col(f"{measure}_share").alias(f"half_{measure}") for measure in NEURON_SHARES)
    )
    return rows.join(half, on=["model", "language"], how="left")


@styled
def subspace_errors(rows: pl.DataFrame, among: pl.DataFrame | None = None, known: Known | None = None) -> Figure:
    """Relative error of the language-specific and the agnostic part by depth: mean over languages, the band spans them."""
    return _by_depth(
        rows, among, known, "spread_error", "part", PARTS, PART_NAMES, "error over spread of the part", logarithmic=True
    )


@styled
def evaluation_errors(rows: pl.DataFrame, among: pl.DataFrame | None = None, known: Known | None = None) -> Figure:
    """Signal-to-noise of every block on evaluation text: a line a language, own calibration against the others' mean."""
    owned = with_owner(rows, known)
    languages = labels.in_order(owned["language"])
    colours = {name: labels.look(name).colour for name in languages}
    names = {name: labels.with_code(name) for name in languages}
    return _by_depth(rows, among, known, "signal_to_noise", "language", colours, names, "signal-to-noise (dB)")


def _by_depth(
    rows: pl.DataFrame,
    among: pl.DataFrame | None,
    known: Known | None,
    measure: str,
    by: str,
    colours: Mapping[str, str],
    names: Mapping[str, str],
    label: str,
    logarithmic: bool = False,
) -> Figure:
    """A solid line for own and a dotted one for other calibrations, for each value of `by`, along the depth."""
    owned, every = with_owner(rows, known), with_owner(rows if among is None else among, known)
    if owned.is_empty():
        return drawing.nothing("No variant was calibrated in a language.")
    keys = [*labels.CALIBRATION_SETTING, "method", by, "owner", "block"]
    spans = [pl.col(measure).mean(), pl.col(measure).min().alias("low"), pl.col(measure).max().alias("high")]
    lines, all_lines = (
        frame.sort(*keys, "language", "calibration").group_by(keys, maintain_order=True).agg(spans)
        for frame in (owned, every)
    )
    limits = drawing.limits([*all_lines["low"], *all_lines["high"]], logarithmic)

    def panel(axes: Axes, part: pl.DataFrame) -> None:
        if logarithmic:
            axes.set_yscale("log")
        for value, colour in colours.items():
            for owner, dashes in DASHES.items():
                line = part.filter(pl.col(by) == value, pl.col("owner") == owner).sort("block")
                if line.is_empty():
                    continue
                if by == "part":
                    axes.fill_between(line["block"], line["low"], line["high"], color=colour, alpha=0.1, linewidth=0)
                axes.plot(line["block"], line[measure], color=colour, linestyle=dashes, linewidth=1.6)
        drawing.depth_axes(axes, part["block"], limits, label)
        for block in sorted(set(part["block"])):
            told = _told(part.filter(pl.col("block") == block), block, measure, by, names)
            describe_mark(axes.axvspan(block - 0.5, block + 0.5, alpha=0, zorder=9), told)

    figure = drawing.grid(lines, labels.CALIBRATION_SETTING, (4.6, 2.8), panel, titled=among is None)
    there = [value for value in colours if value in set(lines[by])]
    handles = [Line2D([], [], color=colours[value], linewidth=1.6) for value in there]
    handles += [Line2D([], [], color="black", linestyle=dashes, linewidth=1.6) for dashes in DASHES.values()]
    words = ["own calibration", "others (mean)"]
    return drawing.legend(figure, handles, [*(names[value] for value in there), *words])


def _told(rows: pl.DataFrame, block: int, measure: str, by: str, names: Mapping[str, str]) -> str:
    """The values of a block, for those who point at it."""
    lines = [f"block {block}, {measure.replace('_', ' ')}"]
    for value, name in names.items():
        found = {row["owner"]: row[measure] for row in rows.filter(pl.col(by) == value).iter_rows(named=True)}
        lines += [f"{name}, {CALIBRATED[owner]}: {found[owner]:.3g}" for owner in DASHES if owner in found]
    return "\n".join(lines)


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


@styled
def entropy_shift(rows: pl.DataFrame, among: pl.DataFrame | None = None, known: Known | None = None) -> Figure:
    """Distribution of entropies over languages, dense against pruned: a line a calibration; logarithmic, for few are low."""
    if rows.is_empty():
        return drawing.nothing("No variant was calibrated.")
    kinds = kinds_of(known)
    names = labels.in_order(rows["calibration"], kinds)
    every = rows if among is None else among
    limits = drawing.limits([*every["share"], *every["dense_share"]], logarithmic=True)

    def panel(axes: Axes, part: pl.DataFrame) -> None:
        line = part.filter(pl.col("calibration") == names[0]).sort("low")
        edges = [*line["low"], line["high"][-1]]
        axes.set_yscale("log")
        axes.stairs(line["dense_share"], edges, baseline=None, color=DENSE_COLOUR, linewidth=2.4)
        for name in names:
            shares = part.filter(pl.col("calibration") == name).sort("low")["share"]
            axes.stairs(shares, edges, baseline=None, color=labels.look(name, kinds).colour, linewidth=1.2)
        axes.set(xlabel="entropy over languages (nats)", ylabel="share of neurons", ylim=limits)
        for row in line.iter_rows(named=True):
            told = _bin_words(row, part.filter(pl.col("low") == row["low"]), names)
            describe_mark(axes.axvspan(row["low"], row["high"], alpha=0, zorder=9), told)

    figure = drawing.grid(rows, labels.CALIBRATION_SETTING, (4.6, 2.6), panel, titled=among is None)
    colours = [DENSE_COLOUR, *(labels.look(name, kinds).colour for name in names)]
    handles = [Line2D([], [], color=colour, linewidth=1.6) for colour in colours]
    return drawing.legend(figure, handles, ["dense model", *map(labels.with_code, names)])


def _bin_words(row: Mapping, rows: pl.DataFrame, names: list[str]) -> str:
    """The shares of a bin, for those who point at it."""
    shares = dict(rows.select("calibration", "share").iter_rows())
    lines = [f"entropy {row['low']:.2f} to {row['high']:.2f} nats", f"dense model {labels.percent(row['dense_share'])}"]
    return "\n".join(lines + [f"{name} {labels.percent(shares[name])}" for name in names if name in shares])


FIGURES = {
    "evaluation_errors": evaluation_errors,
    "subspaces": subspace_errors,
    "neurons": neurons_kept,
    "lape_entropies": entropy_shift,
}
"""Table -> the figure of it, from the rows of `shown`."""
