"""The overlap of all pairs of masks of an 8B model against reading their files: seconds, and memory.

Run `python -m benchmarks.mask_overlap --help`. Random masks keep half of the weights, in the shapes
of Llama 3 8B; of its 32 blocks a few are enough, for all take equal time. Memory is anonymous memory (RssAnon) of a
process of its own, beyond that of an interpreter that has imported the same libraries and does nothing.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import combinations
from math import comb, prod
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from cyclopts import App

from benchmarks.sampler import Usage, run
from benchmarks.workload import LIKE_A_STEP, LOGS, begin, environment, introduce, machine, write_json
from workflow_scripts.masks.overlap import overlaps
from workflow_scripts.masks.packing import bytes_per_row
from workflow_scripts.masks.store import MaskStore, MaskWriter

app = App(help=__doc__)

LLAMA = {
    "self_attn.q_proj": (4096, 4096),
    "self_attn.k_proj": (1024, 4096),
    "self_attn.v_proj": (1024, 4096),
    "self_attn.o_proj": (4096, 4096),
    "mlp.gate_proj": (14336, 4096),
    "mlp.up_proj": (14336, 4096),
    "mlp.down_proj": (4096, 14336),
}
"""Rows and columns of the linears of a block."""
BLOCKS = 32
BUFFER = 2**20
Shapes = Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Timing:
    """Seconds of one operation, round by round, and their median for a model of all blocks."""

    name: str
    seconds: list[float]
    whole: float


def write_stores(folder: Path, stores: int, blocks: int, shapes: Shapes) -> None:
    """Stores of random masks, each linear kept with a chance of one half a weight."""
    generator = np.random.default_rng(0)
    for number in range(stores):
        with MaskWriter(folder / f"{number:03}.parquet", {"step": "benchmark"}) as writer:
            for block in range(blocks):
                for module, (rows, columns) in shapes.items():
                    bits = np.frombuffer(generator.bytes(rows * bytes_per_row(columns)), np.uint8).reshape(rows, -1)
                    mask = np.unpackbits(bits, axis=1, count=columns).view(np.bool_)
                    writer.write(block, module, mask)


@contextmanager
def opened(folder: Path) -> Iterator[dict[str, MaskStore]]:
    """The stores of a folder by name, closed in the end."""
    with ExitStack() as stack:
        yield {path.stem: stack.enter_context(MaskStore(path)) for path in sorted(folder.iterdir())}


def read_files(folder: Path) -> None:
    """Read all bytes of all files into a small buffer."""
    buffer = bytearray(BUFFER)
    for path in sorted(folder.iterdir()):
        with open(path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                continue


def read_masks(folder: Path) -> None:
    """Read all packed masks of all stores one after the other, in one thread, verified as they always are."""
    with opened(folder) as stores:
        for store in stores.values():
            for linear in store.linears:
                store.packed(linear.block, linear.module)


def compare_all(folder: Path, threads: int) -> None:
    """The overlap of all pairs of stores."""
    with opened(folder) as stores:
        overlaps(stores, list(combinations(stores, 2)), threads)


def forget(folder: Path) -> None:
    """Make the system drop the files from its cache, so that they are read from the disk; Linux."""
    for path in folder.iterdir():
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(folder: Path, blocks: int, threads: int, repeats: int, from_disk: bool) -> list[Timing]:
    """Time reading and comparing in turn, so that other work on the machine touches all."""
    operations: dict[str, Callable[[], None]] = {
        "read the plain files": lambda: read_files(folder),
        "read the masks": lambda: read_masks(folder),
        "overlap of all pairs": lambda: compare_all(folder, threads),
    }
    seconds: dict[str, list[float]] = {name: [] for name in operations}
    for _ in range(repeats):
        for name, operation in operations.items():
            if from_disk:
                forget(folder)
            start = time.perf_counter()
            operation()
            seconds[name].append(time.perf_counter() - start)
    return [Timing(name, rounds, median(rounds) * BLOCKS / blocks) for name, rounds in seconds.items()]


def memory(folder: Path, logs: Path, threads: int) -> tuple[Usage, Usage]:
    """What an idle interpreter and the overlap of all pairs take, each a process of its own."""
    libraries = "import sys; from pathlib import Path; from benchmarks.mask_overlap import compare_all"
    comparing = f"{libraries}; compare_all(Path(sys.argv[1]), {threads})"
    idle, busy = (
        run([sys.executable, "-c", LIKE_A_STEP + program, str(folder)], logs / "log", environment(threads))
        for program in (libraries, comparing)
    )
    return idle, busy


def report(timings: list[Timing], nbytes: int) -> None:
    """Print the table; speeds are of all bytes of all stores."""
    reading = timings[1]
    print(f"{'':<22} {'seconds':>8} {'GB/s':>6} {f'{BLOCKS} blocks':>10} {'of reading':>11}")
    for timing in timings:
        seconds = median(timing.seconds)
        ratio = timing.whole / reading.whole
        print(f"{timing.name:<22} {seconds:8.2f} {nbytes / seconds / 1e9:6.2f} {timing.whole:9.1f}s {ratio:11.2f}")


@app.default
def main(
    blocks: int = 2,
    stores: int = 22,
    threads: int = 2,
    repeats: int = 3,
    from_disk: bool = True,
    folder: Path | None = None,
    output: Path = LOGS / "mask_overlap.json",
) -> None:
    """Write stores, read them, compare all pairs; what it takes is told for all blocks, too.

    Args:
        blocks: of every store; 32 are the whole model and 0.87 GB a store.
        stores: 22 are 7 languages with 3 seeds, and magnitude.
        threads: of the overlap; reading has one.
        repeats: rounds, of which the median counts.
        from_disk: have the system drop the files from its cache before each reading.
        folder: an existing folder on the disk to measure; the system's temporary folder by default.
        output: JSON with every figure.
    """
    begin(threads)
    facts = machine()
    introduce(facts)
    with TemporaryDirectory(dir=folder) as temporary, TemporaryDirectory() as logs:
        written = Path(temporary)
        write_stores(written, stores, blocks, LLAMA)
        nbytes = sum(path.stat().st_size for path in written.iterdir())
        timings = measure(written, blocks, threads, repeats, from_disk)
        idle, busy = memory(written, Path(logs), threads)
    one_linear = stores * max(map(prod, LLAMA.values())) / 8
    source = "the disk" if from_disk else "the system's cache"
    print(f"{stores} stores of {blocks} blocks, {nbytes / 1e9:.2f} GB from {source}, {comb(stores, 2)} pairs")
    report(timings, nbytes)
    beyond = busy.peak_anonymous - idle.peak_anonymous
    print(f"anonymous memory: libraries {idle.peak_anonymous / 1e9:.2f} GB, beyond them {beyond / 1e9:.2f} GB;")
    print(f"the largest linear of every store is {one_linear / 1e9:.2f} GB")
    figures = {"timings": [asdict(timing) for timing in timings], "libraries": asdict(idle), "overlap": asdict(busy)}
    settings = {"blocks": blocks, "stores": stores, "threads": threads, "from_disk": from_disk, "bytes": nbytes}
    write_json(output, {"machine": facts, "settings": settings, "figures": figures})


if __name__ == "__main__":
    app()
