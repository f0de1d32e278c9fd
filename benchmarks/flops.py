"""Wanda on Gemma 3 270M: operations a second of the pruning, against plain matrix products of the same shapes.

Run `python -m benchmarks.flops --help`. The operations are counted in one pruning and timed in others, on the real engine,
without imports; the plain products are timed in turn with them, in the same process.
"""

import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch
from cyclopts import App

from benchmarks.op_counter import OperationCounter, plain_rate
from benchmarks.workload import (
    LOGS,
    Workload,
    begin,
    introduce,
    machine,
    prepare_gemma,
    spread,
    working_folder,
    write_json,
)
from workflow_scripts.artifacts.files import read_table
from workflow_scripts.models.device import set_numerics
from workflow_scripts.models.streaming import StreamedModel
from workflow_scripts.pruning.engine import Calibration, Setting, prune_sequentially
from workflow_scripts.pruning.methods.loading import get_method
from workflow_scripts.pruning.patterns import parse_pattern
from workflow_scripts.pruning.progress import Progress

app = App(help=__doc__)

GOAL = 0.7
"""Share of the rate of plain products."""


def prune(workload: Workload, batch: int) -> float:
    """Prune the model anew, masks thrown away; seconds from the first block on, its reading included."""
    table = read_table(workload.windows, columns=["token_ids", "weight"])
    token_ids = torch.tensor(table["token_ids"].to_pylist())
    weights = torch.tensor(table["weight"].to_pylist(), dtype=torch.float64)
    model = StreamedModel.of(workload.record.parent, torch.float32)
    setting = Setting(get_method("wanda"), parse_pattern("0.5"), "cpu")
    with TemporaryDirectory() as folder:
        progress = Progress(Path(folder), {}, len(model.blocks), sequential=True)
        start = time.perf_counter()
        prune_sequentially(model, Calibration(token_ids, weights, batch), setting, progress)
        return time.perf_counter() - start


def count(workload: Workload, batch: int) -> OperationCounter:
    """What a pruning executes; counting slows it down, so this one is not timed, and is kept to the thread that counts."""
    threads = torch.get_num_threads()
    set_numerics(1)
    with OperationCounter() as counter:
        prune(workload, batch)
    set_numerics(threads)
    return counter


def print_products(counter: OperationCounter) -> None:
    """The products that weigh most."""
    print("\nproducts executed, by their part of all operations")
    parts = {product: product.operations * times for product, times in counter.products.items()}
    for product in sorted(parts, key=parts.get, reverse=True)[:8]:
        sizes = " @ ".join("x".join(map(str, layout.size)) for layout in (product.a, product.b))
        print(f"{sizes:<28} {counter.products[product]:6d} times {parts[product] / counter.operations:7.1%}")


@app.default
def main(
    rounds: int = 3,
    threads: int = 2,
    batch: int = 1,
    folder: Path | None = None,
    output: Path = LOGS / "flops.json",
) -> None:
    """Count, then time pruning and plain products in turn; ends with 1 where the goal is missed.

    Args:
        rounds: timed prunings.
        threads: of torch, which is kept to as many cores.
        batch: windows at a time.
        folder: working folder to keep, so that the model is prepared once; a temporary one by default.
        output: JSON with every round.
    """
    begin(threads)
    set_numerics(threads)
    facts = machine()
    introduce(facts)
    with working_folder(folder) as place:
        workload = prepare_gemma(place)
        counter = count(workload, batch)
        taken = [(prune(workload, batch), plain_rate(counter.products)) for _ in range(rounds)]
    print_products(counter)
    seconds, plain = map(list, zip(*taken, strict=True))
    rates = [counter.operations / value for value in seconds]
    shares = [rate / other for rate, other in zip(rates, plain, strict=True)]
    print(f"\n{counter.operations / 1e9:.0f} GFLOP{'':21}   minimum    median   maximum")
    print(f"{'seconds of the pruning':<34}{spread(seconds)}")
    print(f"{'GFLOP/s of the pruning':<34}{spread([rate / 1e9 for rate in rates])}")
    print(f"{'GFLOP/s of plain products':<34}{spread([rate / 1e9 for rate in plain])}")
    verdict = "reached" if median(shares) >= GOAL else "MISSED"
    print(f"{'share reached':<34}{spread(shares)}   {verdict}: {GOAL:g}")
    counted = {"operations": counter.operations, "attention": counter.attention}
    rounds_taken = {"seconds": seconds, "plain_rate": plain, "share": shares}
    write_json(output, {"machine": facts, "settings": {"threads": threads, "batch": batch}, **counted, **rounds_taken})
    sys.exit(0 if median(shares) >= GOAL else 1)


if __name__ == "__main__":
    app()
