"""Whole calls of prune_model against llm-compressor on the same model and windows: time, memory, agreement of the masks.

Run `python -m benchmarks.speed --help`. Each call is a process of its own, from the start of the interpreter to its end;
both sides take turns. The peer's interpreter is that of a virtual environment with envs/benchmark.txt.
"""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Literal

import numpy as np
from cyclopts import App

from benchmarks.sampler import run
from benchmarks.workload import (
    LOGS,
    Workload,
    begin,
    environment,
    fresh,
    introduce,
    machine,
    prepare_gemma,
    pruning,
    spread,
    working_folder,
    write_json,
)
from workflow_scripts.masks.store import MaskStore

app = App(help=__doc__)

QUANTITIES = {"seconds": "s", "cpu_seconds": "s", "peak_rss": "GB", "peak_anonymous": "GB"}
GOALS = {"seconds": 2.0, "peak_rss": 2.0, "peak_anonymous": 2.0}
"""Times that the peer must take what polyprune takes."""
Method = Literal["wanda", "sparsegpt"]


def peer_command(peer: Path, workload: Workload, method: str, threads: int, batch: int) -> list[str]:
    """The command of the peer for the same work."""
    given = ["--model", workload.record.parent, "--windows", workload.windows, "--method", method]
    return [*map(str, [peer, "-m", "benchmarks.peer", *given]), "--threads", str(threads), "--batch", str(batch)]


def agreement(ours: Path, theirs: Path) -> dict[str, float]:
    """Share of equal bits in two sets of masks: of all linears, of the first block, of the linear that has fewest."""
    equal, sizes = {}, {}
    with np.load(theirs) as peer, MaskStore(ours) as store:
        for linear, mask in store:
            other = np.unpackbits(peer[f"{linear.block}.{linear.module}"], axis=1, count=linear.in_features)
            key = linear.block, linear.module
            equal[key], sizes[key] = int((other == mask).sum()), mask.size
    first = [key for key in equal if key[0] == 0]
    return {
        "all": sum(equal.values()) / sum(sizes.values()),
        "first_block": sum(equal[key] for key in first) / sum(sizes[key] for key in first),
        "lowest_linear": min(equal[key] / sizes[key] for key in equal),
    }


def take_turns(commands: dict[str, list[str]], folder: Path, rounds: int, threads: int) -> Iterator[dict]:
    """Run each side's command in turn; a record a call."""
    for turn in range(rounds):
        for side, command in commands.items():
            usage = run(command, folder / f"{side}.log", environment(threads))
            yield {"side": side, "round": turn, **asdict(usage)}


def compare(calls: list[dict]) -> dict[str, list[float]]:
    """Quantity -> what the peer took divided by what polyprune took, round by round."""
    ours, theirs = ([call for call in calls if call["side"] == side] for side in ("polyprune", "llm-compressor"))
    return {name: [b[name] / a[name] for a, b in zip(ours, theirs, strict=True)] for name in QUANTITIES}


def print_method(method: str, calls: list[dict], ratios: dict[str, list[float]], agreed: dict[str, float]) -> None:
    """The table of one method."""
    print(f"\n{method:<34}   minimum    median   maximum")
    for name, unit in QUANTITIES.items():
        for side in ("polyprune", "llm-compressor"):
            values = [call[name] / (1e9 if unit == "GB" else 1) for call in calls if call["side"] == side]
            print(f"{name:<15} {side:<15} {unit:<2} {spread(values)}")
        goal = GOALS.get(name)
        verdict = "" if goal is None else f"   {'reached' if median(ratios[name]) >= goal else 'MISSED'}: {goal:g}"
        print(f"{name:<15} {'ratio':<18} {spread(ratios[name])}{verdict}")
    print("equal bits of the masks: " + ", ".join(f"{key} {share:.4%}" for key, share in agreed.items()))


def measure(
    method: str, workload: Workload, peer: Path, folder: Path, rounds: int, threads: int, batches: tuple[int, int]
) -> dict:
    """One method: first a call of each side that nobody times, which warms the caches and writes the masks."""
    outputs = fresh(folder / method)
    commands = {
        "polyprune": pruning(workload, method, outputs, threads, batches[0]),
        "llm-compressor": peer_command(peer, workload, method, threads, batches[1]),
    }
    theirs = outputs / "peer.npz"
    run(commands["polyprune"], outputs / "polyprune.log", environment(threads))
    run([*commands["llm-compressor"], "--masks", str(theirs)], outputs / "llm-compressor.log", environment(threads))
    agreed = agreement(outputs / "masks.parquet", theirs)
    calls = list(take_turns(commands, outputs, rounds, threads))
    ratios = compare(calls)
    print_method(method, calls, ratios, agreed)
    return {"calls": calls, "ratios": ratios, "equal_bits": agreed}


@app.default
def main(
    peer: Path,
    rounds: int = 3,
    methods: list[Method] | None = None,
    threads: int = 2,
    batch: int = 1,
    peer_batch: int = 1,
    folder: Path | None = None,
    output: Path = LOGS / "speed.json",
) -> None:
    """Compare both sides; ends with 1 where a goal is missed.

    Args:
        peer: python of a virtual environment with envs/benchmark.txt.
        rounds: measured calls of each side.
        methods: wanda and sparsegpt by default.
        threads: of each call, which is kept to as many cores.
        batch: windows at a time of polyprune.
        peer_batch: windows at a time of llm-compressor.
        folder: working folder to keep, so that the model is prepared once; a temporary one by default.
        output: JSON with every call.
    """
    begin(threads)
    facts = machine()
    introduce(facts)
    with working_folder(folder) as place:
        workload = prepare_gemma(place)
        results = {
            method: measure(method, workload, peer, place, rounds, threads, (batch, peer_batch))
            for method in methods or ["wanda", "sparsegpt"]
        }
    settings = {"threads": threads, "batch": batch, "peer_batch": peer_batch}
    write_json(output, {"machine": facts, "settings": settings, "methods": results})
    missed = [
        name for result in results.values() for name, goal in GOALS.items() if median(result["ratios"][name]) < goal
    ]
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    app()
