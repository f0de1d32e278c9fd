"""What the benchmarks prune, and how a step is called: the packaged Gemma 3 270M and 16 windows of 512 tokens."""

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch

ROOT = Path(__file__).parent.parent
LOGS = Path("logs/benchmarks")
MODEL, CORPUS, LANGUAGE = "gemma-3-270m", "embedded", "en"
WINDOWS, LENGTH = 16, 512
LIKE_A_STEP = "from workflow_scripts.runtime.process import begin; begin(); "
"""How the code of a process that is measured begins where it is none of a step."""


@dataclass(frozen=True)
class Workload:
    """A prepared model, by its record, and its calibration windows."""

    record: Path
    windows: Path


def step(name: str, *arguments: str | Path) -> list[str]:
    """The command of a step."""
    return [sys.executable, "-m", f"workflow_scripts.steps.{name}", *map(str, arguments)]


def environment(threads: int) -> dict[str, str]:
    """The same surroundings for every process that is measured: so many threads, no hub, no progress bars."""
    return {
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "HF_HUB_OFFLINE": "1",
        "TQDM_DISABLE": "1",
    }


def prepare_gemma(folder: Path) -> Workload:
    """The packaged model and its windows, made by the steps; what is in `folder` already is taken as it is."""
    record, windows = folder / "model/provenance.json", folder / "windows.parquet"
    documents, tokens = folder / f"documents/{LANGUAGE}.parquet", folder / f"tokens/{LANGUAGE}.parquet"
    source = ("--parameters.kind", CORPUS, "--parameters.language", LANGUAGE)
    size = ("--parameters.windows", str(WINDOWS), "--parameters.length", str(LENGTH), "--parameters.seed", "0")
    drawn = ("--parameters.corpus", CORPUS, f"--parameters.mixture.{LANGUAGE}", "1", *size)
    _make(record, step("prepare_model", "--record", record, "--parameters.packaged", MODEL))
    _make(documents, step("collect_documents", "--output", documents, *source))
    _make(tokens, step("tokenize_documents", "--model", record, "--documents", documents, "--output", tokens))
    _make(windows, step("sample_calibration", "--model", record, "--tokens", tokens, "--output", windows, *drawn))
    return Workload(record, windows)


def _make(path: Path, command: list[str]) -> None:
    """Run a step unless the file that it makes is there."""
    if not path.exists():
        subprocess.run(command, check=True, env={**os.environ, **environment(os.cpu_count() or 1)})


def pruning(workload: Workload, method: str, outputs: Path, threads: int, batch: int = 1) -> list[str]:
    """The command that prunes half of the weights, on the CPU in float32, artifacts written to `outputs`."""
    weights = ["--weights", outputs / "weights.safetensors"] if method == "sparsegpt" else []
    progress = ["--progress", outputs / "progress"]
    files = ["--masks", outputs / "masks.parquet", "--layers", outputs / "layers.parquet", *weights, *progress]
    asked = {
        "method": method,
        "pattern": "0.5",
        "threads": threads,
        "batch": batch,
        "device": "cpu",
        "dtype": "float32",
    }
    options = [text for key, value in asked.items() for text in (f"--parameters.{key}", str(value))]
    return step("prune_model", "--model", workload.record, "--windows", workload.windows, *files, *options)


def fresh(outputs: Path) -> Path:
    """The folder, made if missing, without what a killed pruning left: the next would go on from there and be quick."""
    outputs.mkdir(exist_ok=True)
    shutil.rmtree(outputs / "progress", ignore_errors=True)
    return outputs


@contextmanager
def working_folder(folder: Path | None) -> Iterator[Path]:
    """The folder that was asked for, made if missing and kept, or a temporary one."""
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    else:
        with TemporaryDirectory(prefix="polyprune-benchmark-") as temporary:
            yield Path(temporary)


def begin(cores: int) -> None:
    """Confine this process, and all that it starts, to its first cores; a SIGTERM ends what it started, too."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    # As an exception, so that `sampler.run` ends its command.
    signal.signal(signal.SIGTERM, _end)


def _end(number: int, _: object) -> None:
    print("The benchmark was terminated before its end.", file=sys.stderr)
    sys.exit(128 + number)


def machine() -> dict[str, object]:
    """What a figure depends on, for the record."""
    models = [line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(os.getloadavg()[0], 2),
        "torch": torch.__version__,
    }


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def introduce(facts: dict[str, object]) -> None:
    """Print where a benchmark runs, and whether something else runs there too."""
    print(", ".join(f"{key} {value}" for key, value in facts.items()))
    if facts["load_before"] > 0.5:
        print("The machine is not idle: times, and ratios of times, are noisy.")


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Minimum, median and maximum, in columns."""
    return " ".join(f"{value:9.{digits}f}" for value in (min(values), median(values), max(values)))


def write_json(path: Path, content: dict) -> None:
    """Write what was measured."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"written: {path}")
