"""The cells of the calibration x evaluation matrices: their colour, and which is the best of its column."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import polars as pl
from matplotlib.colors import to_hex, to_rgb

from workflow_scripts.reporting.kit import labels

COLOUR_MAP = matplotlib.colormaps["viridis_r"]
# Twice the best perplexity takes the darkest colour: beyond that, differences do not matter to the choice.
DARKEST_EXCESS = 100.0
RATIO, DIVERGENCE = "ratio_to_dense", "divergence"
"""What a matrix shows: columns of `mean_matrix`."""
KEYS = [*labels.EVALUATION_SETTING, "method"]


class Panel(NamedTuple):
    """One setting and method: its keys, the cells of calibrations and magnitude, the dense model's per language."""

    setting: dict[str, str]
    cells: pl.DataFrame
    dense: dict[str, dict[str, Any]]


def calibrated(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of variants that a calibration went into."""
    return rows.filter(pl.col("calibration") != labels.NO_TEXT)


def panels(
    mean_matrix: pl.DataFrame, kinds: Mapping[str, str] | None = None, measure: str = RATIO
) -> Iterator[tuple[dict[str, str], pl.DataFrame]]:
    """Per setting and method, its keys and cells: the calibrated ones, then magnitude's of the same model and pattern.

    `excess` says by how many per cent a cell's measure lies above the best calibrated one of its column, `best` whether
    it is that one.
    """
    rows = calibrated(mean_matrix)
    for keys in labels.settings(rows, KEYS):
        part = labels.of_setting(rows, keys)
        place = {key: keys[key] for key in ("model", "pattern", "corpus")}
        magnitude = labels.of_setting(mean_matrix.filter(pl.col("method") == "magnitude"), place)
        lowest = part.group_by("language").agg(lowest=pl.col(measure).min())
        cells = pl.concat([part, magnitude]).join(lowest, on="language", how="inner")
        cells = cells.with_columns(
            excess=100 * (pl.col(measure) / pl.col("lowest") - 1),
            best=(pl.col(measure) == pl.col("lowest")) & (pl.col("calibration") != labels.NO_TEXT),
        )
        yield keys, labels.ranked(cells.drop("lowest"), "calibration", "language", kinds=kinds)


def darkest(mean_matrix: pl.DataFrame, measure: str = RATIO) -> float:
    """The excess in per cent that takes the darkest colour, from all calibrated cells of the study."""
    highest = max((calibrated(cells)["excess"].max() for _, cells in panels(mean_matrix, measure=measure)), default=0)
    return float(np.clip(highest, 1, DARKEST_EXCESS))


def fill(excess: float, top: float) -> str:
    """Colour of a cell as hexadecimal; `top` is the excess that takes the darkest."""
    return to_hex(COLOUR_MAP(min(max(excess, 0.0) / top, 1.0)))


def ink(background: str) -> str:
    """Black or white, whichever stands out more on a colour."""
    channels = np.asarray(to_rgb(background))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    luminance = linear @ (0.2126, 0.7152, 0.0722)
    return "#ffffff" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "#000000"


def short(ratio: float) -> str:
    """A ratio in four characters or so."""
    if ratio >= 10_000:
        return ">9999"
    return f"{ratio:.{2 if ratio < 10 else 1 if ratio < 100 else 0}f}"
