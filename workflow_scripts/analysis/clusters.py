"""Which languages choose alike: calibrations joined one by one by the overlap of their masks."""

from collections.abc import Collection

import numpy as np
import polars as pl
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import squareform

from workflow_scripts.analysis.matrix import SETTING
from workflow_scripts.analysis.overlap import pair_matrix, paired
from workflow_scripts.analysis.seeds import FEWEST_TO_CLUSTER

MASK_CLUSTERS = pl.Schema(
    {c: pl.String for c in SETTING}
    | {"merge": pl.Int64}
    | {c: pl.String for c in ("calibrations", "left", "right")}
    | {c: pl.Float64 for c in ("height", "cophenetic")}
)


def mask_clusters(positions: pl.DataFrame, calibrations: Collection[str]) -> pl.DataFrame:
    """The tree of calibrations by average linkage (UPGMA, Sokal & Michener 1958) on 1 - iou; sorted.

    Args:
        positions: overlap of masks by pair, of `overlap.positions`.
        calibrations: those that may be in the tree: the ones that are a language.

    Returns:
        model, method, pattern, sample, propagation; merge (from 0: the most alike first), calibrations (members of the
        new cluster in alphabetical order, joined by "+"), left, right (members of the two that it joins, likewise; left
        is the first by name); height (mean of 1 - iou over the pairs from left to right); cophenetic (correlation of
        1 - iou with the height at which two calibrations meet, Sokal & Rohlf 1962, the same in all rows of a setting: 1
        says that the tree tells all; null where all pairs are equally far apart). No rows for settings with fewer than
        three calibrations, or with a pair that was not compared.
    """
    records = []
    for place, group in sorted(positions.partition_by(SETTING, as_dict=True).items()):
        names = paired(group, calibrations)
        iou = pair_matrix(names, group, "iou")
        if len(names) >= FEWEST_TO_CLUSTER and iou is not None:
            records += [dict(zip(SETTING, place, strict=True)) | merge for merge in _merges(names, 1 - iou)]
    return pl.DataFrame(records, schema=MASK_CLUSTERS)


def leaf_order(clusters: pl.DataFrame) -> list[str]:
    """The calibrations of one setting as the leaves of its tree, so that those that are joined stand side by side.

    Args:
        clusters: rows of `mask_clusters` of one setting.
    """
    order: dict[str, list[str]] = {}
    whole: list[str] = []
    for left, right, both in clusters.sort("merge").select("left", "right", "calibrations").iter_rows():
        whole = order[both] = order.get(left, [left]) + order.get(right, [right])
    return whole


def _merges(names: list[str], distances: np.ndarray) -> list[dict[str, object]]:
    """The columns of `mask_clusters` after the setting's, for distances [calibrations, calibrations]."""
    condensed = squareform(distances)
    tree = linkage(condensed, method="average")
    # Without spread there is no correlation.
    faithful = float(cophenet(tree, condensed)[0]) if np.ptp(condensed) > 0 else None
    members, rows = [[name] for name in names], []
    for merge, (first, second, height, _) in enumerate(tree):
        left, right = sorted((members[int(first)], members[int(second)]))
        members.append(sorted(left + right))
        told = {"calibrations": members[-1], "left": left, "right": right}
        rows.append(
            {"merge": merge}
            | {column: "+".join(cluster) for column, cluster in told.items()}
            | {"height": float(height), "cophenetic": faithful}
        )
    return rows
