"""How alike the inputs of a linear were under two calibrations, by the norms that Wanda's criterion takes of them."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

COLUMNS = ["block", "module", "input_norms"]
AT_A_TIME = 64
"""Linears that are read at a time of every variant."""


def similarities(layers: Mapping[str, Path]) -> Callable[[str, str, int, str], float | None]:
    """A function of two variants, block and module: `correlations` of the norms of that linear's inputs.

    It gives None where one of the two has no norms: a method that needs no calibration, an expert without tokens.

    Args:
        layers: variant -> its diagnostics, `layers.parquet`; read side by side, AT_A_TIME linears of each in memory.
    """
    numbers = {variant: number for number, variant in enumerate(layers)}
    tables = {place: correlations(norms) for place, norms in _linears(list(layers.values()))}

    def similarity(a: str, b: str, block: int, module: str) -> float | None:
        if a not in numbers or b not in numbers:
            return None
        found = tables[block, module][numbers[a], numbers[b]]
        return None if np.isnan(found) else float(found)

    return similarity


def correlations(norms: list[np.ndarray | None]) -> np.ndarray:
    """Pearson's correlation of the logarithms of input norms between any two variants; float64 [variants, variants].

    Wanda ranks the weights of a row by their size times the norm of their input, so that the ratios of norms decide and a
    common factor does nothing: of logarithms, that is a constant, which a correlation does not see. Nor do a few features
    with norms a thousand times the others' outweigh all the rest, as they would in a cosine.

    Args:
        norms: of every variant, float [in_features], or None where it has none. A feature whose norm is zero in one of
            them is left out.

    Returns:
        NaN where a variant has no norms, or norms that are all alike.
    """
    known = [number for number, values in enumerate(norms) if values is not None]
    found = np.full((len(norms), len(norms)), np.nan)
    if known:
        values = np.stack([norms[number] for number in known]).astype(np.float64)
        logarithms = np.log(values[:, (values > 0).all(axis=0)])
        centred = logarithms - logarithms.mean(axis=1, keepdims=True) if logarithms.size else logarithms
        length = np.sqrt((centred**2).sum(axis=1))
        # Norms that are all alike differ from their mean by rounding alone.
        length[length < 1e-9] = np.nan
        found[np.ix_(known, known)] = centred @ centred.T / np.outer(length, length)
    return found


def _linears(files: list[Path]) -> Iterator[tuple[tuple[int, str], list[np.ndarray | None]]]:
    """Block and module of every linear, with its norms in all files."""
    opened = [pq.ParquetFile(file, page_checksum_verification=True) for file in files]
    readers = [file.iter_batches(AT_A_TIME, columns=COLUMNS) for file in opened]
    for batches in zip(*readers, strict=True):
        columns = [[batch.column(name) for name in COLUMNS] for batch in batches]
        for row in range(len(batches[0])):
            places = {(block[row].as_py(), module[row].as_py()) for block, module, _ in columns}
            if len(places) > 1:
                raise ValueError(f"{files[0]} and the other diagnostics do not hold the same linears in one order.")
            scalars = [norms[row] for _, _, norms in columns]
            yield places.pop(), [scalar.values.to_numpy() if scalar.is_valid else None for scalar in scalars]
