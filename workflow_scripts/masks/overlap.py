"""Overlap of masks: how many weights two variants of one model both keep, per linear, counted on packed bits."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import chain

import numpy as np
import polars as pl
from tqdm import tqdm

from workflow_scripts.masks.store import Linear, MaskStore

SCHEMA = {
    "a": pl.String,
    "b": pl.String,
    "block": pl.Int32,
    "module": pl.String,
    "kept_a": pl.Int64,
    "kept_b": pl.Int64,
    "intersection": pl.Int64,
    "union": pl.Int64,
    "iou": pl.Float64,
}

PIECE = 2**17
"""Bytes of every mask that are compared at a time. Measured with 22 masks, 1 MB of cache a core and 32 MB shared:
2^16 to 2^18 take equal time, 2^14 takes 1.4 times as long, a whole linear 1.5 times."""


def overlap(a: MaskStore, b: MaskStore) -> pl.DataFrame:
    """Overlap of two stores: one row a linear, in the stored order of `a`.

    Returns:
        block, module, kept_a, kept_b, intersection, union (numbers of weights) and iou = intersection / union, which is
        1 where neither keeps a weight.

    Raises:
        ValueError: the stores do not hold the same linears in the same shapes.
        ArtifactError: a store is damaged.
    """
    return overlaps({"a": a, "b": b}, [("a", "b")]).drop("a", "b")


def overlaps(stores: Mapping[str, MaskStore], pairs: Sequence[tuple[str, str]], threads: int = 1) -> pl.DataFrame:
    """Overlap of pairs of stores; the columns of `overlap` after the stores' names, a and b.

    Each linear of each store is read once, whatever the number of pairs: memory holds one packed linear of every store
    that is in a pair. Rows come pair by pair as given, linears in the stored order of the first pair's a. All pairs of
    these stores are counted, asked for or not.

    Args:
        stores: name -> store.
        pairs: names (a, b) of stores.
        threads: that read and count at one time; the numbers are the same for any.

    Raises:
        ValueError: a pair names a store that is not there, or the stores do not hold the same linears.
        ArtifactError: a store is damaged.
    """
    names = list(dict.fromkeys(chain.from_iterable(pairs)))
    if unknown := [name for name in names if name not in stores]:
        raise ValueError(f"No mask store is named {unknown[0]!r}: the pairs may name {', '.join(sorted(stores))}.")
    if not names:
        return pl.DataFrame(schema=SCHEMA)
    first = stores[names[0]]
    for name in names[1:]:
        _refuse_other_linears(first, stores[name])
    chosen = {name: stores[name] for name in names}
    with ThreadPoolExecutor(threads) as pool:
        by_linear = [
            _compare(linear, chosen, pairs, pool)
            for linear in tqdm(first.linears, desc="linears", unit="linear", disable=None)
        ]
    rows = [rows_of_linear[pair] for pair in range(len(pairs)) for rows_of_linear in by_linear]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _compare(
    linear: Linear, stores: Mapping[str, MaskStore], pairs: Sequence[tuple[str, str]], pool: Executor
) -> list[tuple]:
    """One row a pair for one linear."""
    # A store that has two names is read by one thread.
    distinct = list(dict.fromkeys(stores.values()))
    read = dict(zip(distinct, pool.map(lambda store: store.packed(linear.block, linear.module), distinct), strict=True))
    packed = [read[store] for store in stores.values()]
    kept = {name: store.linear(linear.block, linear.module).kept for name, store in stores.items()}
    place = {name: number for number, name in enumerate(stores)}
    common = _common_ones(packed, pool) + np.diag(list(kept.values()))
    rows = []
    for a, b in pairs:
        intersection = int(common[place[a], place[b]])
        union = kept[a] + kept[b] - intersection
        iou = intersection / union if union else 1.0
        rows.append((a, b, linear.block, linear.module, kept[a], kept[b], intersection, union, iou))
    return rows


def _common_ones(packed: Sequence[np.ndarray], pool: Executor) -> np.ndarray:
    """`common_ones` of whole linears, in pieces."""
    flat = [bits.reshape(-1) for bits in packed]
    starts = range(0, flat[0].size, PIECE)
    return sum(pool.map(common_ones, ([bits[start : start + PIECE] for bits in flat] for start in starts)))


def common_ones(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Number of ones that two arrays have in the same places, for all pairs of them.

    Args:
        arrays: uint8 of one length, below 2^29 bytes; fastest where all of them fit into the processor's cache.

    Returns:
        int64 [arrays, arrays], symmetric; 0 on its diagonal, where `count_ones` is the answer.
    """
    words = np.zeros((len(arrays), -(-arrays[0].size // 8)), dtype=np.uint64)
    for row, array in zip(words.view(np.uint8), arrays, strict=True):
        row[: array.size] = array
    common = np.zeros((len(arrays), len(arrays)), dtype=np.int64)
    for first in range(len(arrays) - 1):
        both = words[first] & words[first + 1 :]
        # Sums of bytes are twice as fast in 32 bits as in 64.
        ones = np.bitwise_count(both).sum(axis=1, dtype=np.uint32)
        common[first, first + 1 :] = common[first + 1 :, first] = ones
    return common


def _refuse_other_linears(first: MaskStore, other: MaskStore) -> None:
    differing = sorted(_shapes(first).items() ^ _shapes(other).items())
    if differing:
        (block, module), _ = differing[0]
        raise ValueError(
            f"{first.path} and {other.path} do not hold the same linears, block {block} {module} is not in both in one "
            "shape: compare masks of one model only."
        )


def _shapes(store: MaskStore) -> dict[tuple[int, str], tuple[int, int]]:
    return {(linear.block, linear.module): (linear.out_features, linear.in_features) for linear in store.linears}
