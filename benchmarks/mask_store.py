"""The mask store against dense 16-bit weights and against reading a plain file: size, and speed of every operation.

Run `python -m benchmarks.mask_store --help`. Speeds are of packed bytes, the best of several runs, on files that the
system has in its cache.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
from cyclopts import App

from workflow_scripts.masks.overlap import overlap
from workflow_scripts.masks.packing import bytes_per_row
from workflow_scripts.masks.store import MaskStore, MaskWriter

app = App(help=__doc__)


@dataclass(frozen=True)
class Timing:
    """Seconds of one operation and the packed bytes that it went through."""

    name: str
    seconds: float
    nbytes: int

    @property
    def gigabytes_per_second(self) -> float:
        """Speed in 10^9 bytes a second."""
        return self.nbytes / self.seconds / 1e9


def random_mask(generator: np.random.Generator, out_features: int, in_features: int, pattern: str) -> np.ndarray:
    """A random mask: bool [out_features, in_features]; `2:4` keeps 2 of 4, `0.5` drops about half of all weights."""
    if pattern == "2:4":
        scores = generator.random((out_features, in_features // 4, 4), dtype=np.float32)
        return (scores.argsort(axis=-1) >= 2).reshape(out_features, in_features)
    return generator.random((out_features, in_features), dtype=np.float32) >= float(pattern)


def best_of(repeats: int, operation: Callable[[], object]) -> float:
    """Shortest seconds of several runs."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        operation()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def write(path: Path, masks: list[np.ndarray]) -> None:
    """Write the masks as one linear a block."""
    with MaskWriter(path, {"step": "benchmark"}) as writer:
        for block, mask in enumerate(masks):
            writer.write(block, "linear", mask)


def read(path: Path, unpack: bool) -> None:
    """Read all linears of a store, one after the other."""
    with MaskStore(path) as store:
        for linear in store.linears:
            (store.read if unpack else store.packed)(linear.block, linear.module)


def compare(path_a: Path, path_b: Path) -> None:
    """Overlap of two stores."""
    with MaskStore(path_a) as a, MaskStore(path_b) as b:
        overlap(a, b)


def measure(folder: Path, masks: list[np.ndarray], repeats: int) -> list[Timing]:
    """Time every operation on stores in `folder`; reading the plain file comes first."""
    a, b = folder / "a.parquet", folder / "b.parquet"
    packed = sum(mask.shape[0] * bytes_per_row(mask.shape[1]) for mask in masks)
    written = best_of(repeats, lambda: write(a, masks))
    write(b, [np.roll(mask, 1, axis=0) for mask in masks])
    return [
        Timing("read the plain file", best_of(repeats, a.read_bytes), a.stat().st_size),
        Timing("write", written, packed),
        Timing("read packed", best_of(repeats, lambda: read(a, unpack=False)), packed),
        Timing("read boolean", best_of(repeats, lambda: read(a, unpack=True)), packed),
        Timing("overlap of two", best_of(repeats, lambda: compare(a, b)), 2 * packed),
    ]


@app.default
def main(
    linears: int = 14,
    out_features: int = 4096,
    in_features: int = 4096,
    pattern: Literal["0.5", "0.3", "0.1", "2:4"] = "0.5",
    repeats: int = 3,
    folder: Path | None = None,
) -> None:
    """Write a store of random masks, and print its size and speeds.

    Args:
        linears: how many linears the store holds; their boolean masks are held in memory.
        out_features: rows of each mask.
        in_features: columns of each mask, a multiple of 4 for 2:4.
        pattern: what is pruned: a share of the weights at random, or 2 of every 4.
        repeats: runs of each operation, of which the best counts.
        folder: an existing folder on the disk to measure; the system's temporary folder by default.
    """
    generator = np.random.default_rng(0)
    masks = [random_mask(generator, out_features, in_features, pattern) for _ in range(linears)]
    with TemporaryDirectory(dir=folder) as temporary:
        timings = measure(Path(temporary), masks, repeats)
    dense, stored = 2 * sum(mask.size for mask in masks), timings[0].nbytes
    print(f"{linears} linears of {out_features} x {in_features}, pattern {pattern}")
    print(f"dense in 16 bits {dense / 1e6:.2f} MB, store {stored / 1e6:.2f} MB: 1/{dense / stored:.2f}")
    for timing in timings:
        ratio = timing.gigabytes_per_second / timings[0].gigabytes_per_second
        print(f"{timing.name:<20} {timing.gigabytes_per_second:6.2f} GB/s {ratio:6.2f} of the plain file")


if __name__ == "__main__":
    app()
