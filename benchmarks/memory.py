"""Peak memory of prune_model on a generated Llama model of a billion float32 parameters, beyond its libraries.

Run `python -m benchmarks.memory --help`. What counts is anonymous memory (RssAnon): pages of mapped files are not in it,
for the system drops those when memory is short. From the peak of a pruning that of an interpreter is taken off which has
imported the same libraries and does nothing.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import pyarrow as pa
import torch
from cyclopts import App

from benchmarks.checkpoint import Sizes, write_checkpoint
from benchmarks.sampler import Usage, run
from benchmarks.workload import (
    LIKE_A_STEP,
    LOGS,
    Workload,
    begin,
    environment,
    fresh,
    introduce,
    machine,
    pruning,
    step,
    write_json,
)
from workflow_scripts.artifacts.files import make_provenance, write_table
from workflow_scripts.corpora.windows import WINDOWS_SCHEMA

app = App(help=__doc__)

BILLION = Sizes()
LIMITS = {"wanda": 0.8, "sparsegpt": 1.6}
"""GB (10^9 bytes) of anonymous memory beyond the interpreter with its libraries."""
Method = Literal["wanda", "sparsegpt"]


def prepare_llama(folder: Path, sizes: Sizes, windows: int, length: int) -> Workload:
    """The generated model and windows of random tokens, made once: what is there must be of the same sizes."""
    record, asked = folder / "model/provenance.json", {**asdict(sizes), "windows": windows, "length": length}
    done = folder / "sizes.json"
    if done.exists():
        if json.loads(done.read_text(encoding="utf-8")) != asked:
            raise ValueError(f"{folder} holds a model or windows of other sizes: give another folder, or delete it.")
        return Workload(record, folder / "windows.parquet")
    write_checkpoint(folder / "generated", sizes)
    files = sorted((folder / "generated").iterdir())
    command = step("prepare_model", "--record", record, *(text for file in files for text in ("--checkpoint", file)))
    subprocess.run(command, check=True, env={**os.environ, **environment(os.cpu_count() or 1)})
    write_windows(folder / "windows.parquet", record, sizes.vocab_size, windows, length)
    done.write_text(json.dumps(asked), encoding="utf-8")
    return Workload(record, folder / "windows.parquet")


def write_windows(path: Path, record: Path, vocabulary: int, windows: int, length: int) -> None:
    """Windows of random tokens, in the form of `sample_calibration`."""
    token_ids = torch.randint(4, vocabulary, (windows, length), generator=torch.Generator().manual_seed(0))
    rows = [
        {"window": place, "language": "en", "weight": 1.0, "doc_ids": [], "token_ids": row}
        for place, row in enumerate(token_ids.tolist())
    ]
    provenance = make_provenance("sample_calibration", {"random": True}, "", {"model": record})
    write_table(path, pa.Table.from_pylist(rows, schema=WINDOWS_SCHEMA), provenance)


def idle_interpreter(log: Path, threads: int) -> Usage:
    """An interpreter that has imported what the step imports."""
    return run(
        [sys.executable, "-c", LIKE_A_STEP + "import workflow_scripts.steps.prune_model"], log, environment(threads)
    )


def measure(workload: Workload, method: str, folder: Path, threads: int, batch: int) -> Usage:
    """One pruning, as a process of its own."""
    outputs = fresh(folder / method)
    return run(pruning(workload, method, outputs, threads, batch), outputs / "log", environment(threads))


def beyond(usage: Usage, idle: Usage) -> float:
    """GB of anonymous memory that a pruning needs beyond its libraries."""
    return (usage.peak_anonymous - idle.peak_anonymous) / 1e9


@app.default
def main(
    folder: Path,
    methods: list[Method] | None = None,
    sizes: Sizes = BILLION,
    windows: int = 16,
    length: int = 512,
    threads: int = 2,
    batch: int = 1,
    output: Path = LOGS / "memory.json",
) -> None:
    """Generate the model unless it is there, prune it, compare with the limits; ends with 1 where one is exceeded.

    Args:
        folder: where the model goes, 4.2 GB, to be used again by a later call, and what SparseGPT writes, 2 GB.
        methods: wanda and sparsegpt by default.
        windows: calibration windows of random tokens.
        length: tokens a window.
        threads: of each call, which is kept to as many cores.
        batch: windows at a time.
        output: JSON with every figure.
    """
    begin(threads)
    facts = machine()
    introduce(facts)
    workload = prepare_llama(folder, sizes, windows, length)
    idle = idle_interpreter(folder / "idle.log", threads)
    used = {method: measure(workload, method, folder, threads, batch) for method in methods or ["wanda", "sparsegpt"]}
    print(f"{'GB':<12} {'resident':>9} {'anonymous':>10} {'beyond':>8} {'limit':>6}")
    print(f"{'libraries':<12} {idle.peak_rss / 1e9:9.2f} {idle.peak_anonymous / 1e9:10.2f}")
    for method, usage in used.items():
        verdict = "held" if beyond(usage, idle) <= LIMITS[method] else "EXCEEDED"
        peaks = f"{usage.peak_rss / 1e9:9.2f} {usage.peak_anonymous / 1e9:10.2f}"
        print(f"{method:<12} {peaks} {beyond(usage, idle):8.2f} {LIMITS[method]:6.2f} {verdict}")
    figures = {name: asdict(usage) for name, usage in {"libraries": idle, **used}.items()}
    settings = {**asdict(sizes), "windows": windows, "length": length, "threads": threads, "batch": batch}
    write_json(output, {"machine": facts, "settings": settings, "figures": figures, "limits": LIMITS})
    sys.exit(any(beyond(usage, idle) > LIMITS[method] for method, usage in used.items()))


if __name__ == "__main__":
    app()
