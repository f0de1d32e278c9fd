"""Lines along the depth of a model, of own calibrations against others."""

from collections.abc import Mapping

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from workflow_scripts.reporting.kit import drawing, labels
from workflow_scripts.reporting.kit.calibrations import Known, kinds_of
from workflow_scripts.reporting.kit.labels import NO_TEXT
from workflow_scripts.reporting.kit.svg import describe_mark

DENSE_COLOUR = "#222222"
OWN, OTHER = "own", "others"
DASHES = {OWN: "-", OTHER: ":"}
CALIBRATED = {OWN: "own language", OTHER: "other languages"}


def with_owner(rows: pl.DataFrame, known: Known | None = None) -> pl.DataFrame:
    """Rows of calibrations that are a language, with `owner`: `own` where it is the evaluated one, else `others`."""
    kinds = kinds_of(known)
    languages = [name for name in set(rows["calibration"]) - {NO_TEXT} if labels.kind_of(name, kinds) == "language"]
    own = pl.col("calibration") == pl.col("language")
    return rows.filter(pl.col("calibration").is_in(languages)).with_columns(
        owner=pl.when(own).then(pl.lit(OWN)).otherwise(pl.lit(OTHER))
    )


def by_depth(
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


def calibrated(table: pl.DataFrame, known: Known | None = None) -> pl.DataFrame:
    """The rows of pruned variants that a calibration went into."""
    return table.filter(pl.col("calibration") != NO_TEXT, pl.col("method") != "dense")
