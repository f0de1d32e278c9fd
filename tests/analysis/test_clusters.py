"""The tree of languages by their masks against a clustering in plain Python, and against planted groups of masks."""

from itertools import combinations

import numpy as np
import polars as pl
import pytest

from workflow_scripts.analysis.clusters import leaf_order, mask_clusters
from workflow_scripts.analysis.overlap import positions_schema

SETTING = {"model": "m", "method": "wanda", "pattern": "0.5", "sample": "c-8x256", "propagation": "sequential"}


def positions(overlaps: dict[tuple[str, str], float]) -> pl.DataFrame:
    rows = [
        SETTING | {"calibration_a": a, "calibration_b": b, "floor": None, "iou": iou, "ceiling": None, "position": None}
        for (a, b), iou in overlaps.items()
    ]
    return pl.DataFrame(rows, schema=positions_schema())


def by_hand(overlaps: dict[tuple[str, str], float], names: list[str]) -> list[tuple[set[str], float]]:
    """Average linkage, joining at each step the two groups whose members differ least on average."""
    distance = {frozenset(pair): 1 - iou for pair, iou in overlaps.items()}
    groups, merges = [{name} for name in names], []
    while len(groups) > 1:
        means = {
            (i, j): np.mean([distance[frozenset((a, b))] for a in groups[i] for b in groups[j]])
            for i, j in combinations(range(len(groups)), 2)
        }
        i, j = min(means, key=means.get)
        merges.append((groups[i] | groups[j], means[i, j]))
        groups = [group for place, group in enumerate(groups) if place not in (i, j)] + [merges[-1][0]]
    return merges


@pytest.mark.parametrize("seed", range(5))
def test_the_tree_is_that_of_average_linkage(seed):
    names = list("abcdefg")
    rng = np.random.default_rng(seed)
    overlaps = {pair: float(rng.uniform(0.7, 0.95)) for pair in combinations(names, 2)}
    found = mask_clusters(positions(overlaps), names)
    expected = by_hand(overlaps, names)
    assert [set(row.split("+")) for row in found["calibrations"]] == [members for members, _ in expected]
    np.testing.assert_allclose(found["height"], [height for _, height in expected])
    for row in found.iter_rows(named=True):
        assert sorted(row["left"].split("+") + row["right"].split("+")) == row["calibrations"].split("+")
        assert row["left"] < row["right"]
    shuffled = positions(dict(rng.permutation(np.array(list(overlaps.items()), dtype=object)).tolist()))
    assert mask_clusters(shuffled, reversed(names)).equals(found)


def planted(rng: np.random.Generator) -> dict[tuple[str, str], float]:
    """Overlaps of masks of two groups: each language's is its group's, with a tenth of the weights drawn anew."""
    masks = {}
    for group in ("ab", "cde"):
        shared = rng.random(20_000) < 0.5
        for name in group:
            own = rng.random(20_000) < 0.1
            masks[name] = np.where(own, rng.random(20_000) < 0.5, shared)
    return {
        (a, b): (masks[a] & masks[b]).sum() / (masks[a] | masks[b]).sum() for a, b in combinations(sorted(masks), 2)
    }


def test_planted_groups_of_masks_are_found():
    found = mask_clusters(positions(planted(np.random.default_rng(0))), list("abcde"))
    assert found["calibrations"][-1] == "a+b+c+d+e"
    assert {found["left"][-1], found["right"][-1]} == {"a+b", "c+d+e"}
    assert found["height"][-1] > 2.5 * found["height"][-2] and found["cophenetic"][0] > 0.99
    order = leaf_order(found)
    assert sorted(order) == list("abcde") and abs(order.index("a") - order.index("b")) == 1


def test_controls_are_no_leaves_and_two_languages_make_no_tree():
    overlaps = {pair: 0.9 for pair in combinations("abcd", 2)}
    found = mask_clusters(positions(overlaps), ["a", "b", "c"])
    assert found.height == 2 and found["calibrations"][-1] == "a+b+c" and found["cophenetic"].null_count() == 2
    assert mask_clusters(positions(overlaps), ["a", "b"]).is_empty()
    del overlaps["a", "b"]
    assert mask_clusters(positions(overlaps), ["a", "b", "c"]).is_empty()
