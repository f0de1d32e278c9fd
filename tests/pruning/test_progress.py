"""A pruning job that is killed goes on at its block, and ends with the bytes of one that was not."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.conftest import save_checkpoint, save_record
from workflow_scripts.artifacts.files import make_provenance, read_provenance, write_table
from workflow_scripts.pruning.progress import Progress
from workflow_scripts.pruning.results import Diagnostics, LinearResult
from workflow_scripts.steps.prune_model import Parameters, prune_model

BLOCKS = 3


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    """Saving is never too slow, however loaded the machine that runs the tests."""
    monkeypatch.setattr("workflow_scripts.pruning.progress.CHEAP", 1e3)


def result(block: int, kept: bool = True) -> LinearResult:
    mask = torch.arange(15).reshape(3, 5) % (block + 2) == 0
    values = torch.arange(int(mask.sum()), dtype=torch.float32) if kept else None
    diagnostics = Diagnostics(0.5, 0.1, 0.2, 10.0, 0.01, 7, criterion="wanda")
    return LinearResult(block, "mlp.up_proj", mask, values, diagnostics, torch.arange(5.0) + block)


def states(block: int) -> dict[str, torch.Tensor]:
    return {"hidden": torch.full((2, 3, 4), float(block)), "dense": torch.zeros(1, 3, 4)}


def finish(progress: Progress, blocks: range) -> None:
    for block in blocks:
        progress.finish(block, [result(block)], states(block))


def test_a_job_goes_on_where_it_was_and_other_jobs_do_not(tmp_path):
    finish(Progress(tmp_path, {"job": 1}, BLOCKS, sequential=True), range(2))
    again = Progress(tmp_path, {"job": 1}, BLOCKS, sequential=True)
    assert again.next_block == 2
    assert again.hidden_states()["hidden"].unique().tolist() == [1.0]
    assert Progress(tmp_path, {"job": 2}, BLOCKS, sequential=True).next_block == 0
    finish(again, range(2, 3))
    assert Progress(tmp_path, {"job": 1}, BLOCKS, sequential=True).next_block == BLOCKS
    for found, block in zip(again.results(), range(BLOCKS), strict=True):
        expected = result(block)
        assert torch.equal(found.mask, expected.mask) and torch.equal(found.kept, expected.kept)
        assert torch.equal(found.input_norms, expected.input_norms)
        assert (found.block, found.module, found.diagnostics) == (block, expected.module, expected.diagnostics)
    again.remove()
    assert not any(file.is_file() for file in tmp_path.rglob("*/block-*1*"))


@pytest.mark.parametrize("damaged", ["block-00000", "states-00002"])
def test_what_is_damaged_is_made_anew(tmp_path, damaged):
    progress = Progress(tmp_path, {}, BLOCKS, sequential=True)
    finish(progress, range(2))
    file = progress.folder / f"{damaged}.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert Progress(tmp_path, {}, BLOCKS, sequential=True).next_block == 0
    assert not file.exists()


def test_blocks_without_hidden_states_are_pruned_again_unless_none_are_needed(tmp_path):
    for sequential, expected in ((True, 0), (False, 2)):
        progress = Progress(tmp_path, {"sequential": sequential}, BLOCKS, sequential)
        for block in range(2):
            progress.finish(block, [result(block, kept=False)], {})
        assert Progress(tmp_path, {"sequential": sequential}, BLOCKS, sequential).next_block == expected


def test_states_are_left_out_where_saving_them_takes_too_long(tmp_path):
    progress = Progress(tmp_path, {}, BLOCKS, sequential=True)
    progress.finish(0, [result(0)], states(0))
    progress._cost = 1e6  # seconds
    progress.finish(1, [result(1)], states(1))
    again = Progress(tmp_path, {}, BLOCKS, sequential=True)
    assert again.next_block == 1 and again.hidden_states()["hidden"].unique().tolist() == [0.0]


@pytest.fixture
def job(tmp_path: Path):
    """A function from a folder and a method to the arguments of a pruning job there."""
    record = save_record(save_checkpoint(tmp_path / "tiny"))
    import pyarrow as pa

    token_ids = torch.randint(4, 96, (4, 16), generator=torch.Generator().manual_seed(0)).tolist()
    table = pa.table({"token_ids": token_ids, "weight": [1.0] * 4})
    windows = tmp_path / "windows.parquet"
    write_table(windows, table, make_provenance("sample_calibration", {}, "", {"model": record}))

    def arguments(folder: Path, method: str) -> dict[str, object]:
        folder.mkdir(exist_ok=True)
        given = {"model": record, "windows": windows, "masks": folder / "masks.parquet"}
        given |= {"layers": folder / "layers.parquet", "progress": folder / "progress"}
        given |= {"parameters": {"method": method, "pattern": "0.5", "batch": 2, "device": "cpu"}}
        return given | ({"weights": folder / "weights.safetensors"} if method == "sparsegpt" else {})

    return arguments


def finish_job(arguments: dict[str, object]) -> None:
    """Run a job to its end, in this process."""
    prune_model(**arguments | {"parameters": Parameters(**arguments["parameters"])})


def start_slowly(arguments: dict[str, object]) -> subprocess.Popen:
    """Start a job as a process. A tiny model is pruned before a signal arrives: each block takes a while longer."""
    given = arguments | {"parameters": json.dumps(arguments["parameters"])}
    words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
    # As many threads as in the tests: they may change the order of a sum.
    threads = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", SLOWLY, *words], stderr=subprocess.PIPE, text=True, env=threads)


SLOWLY = """
import runpy, sys, time
from workflow_scripts.pruning import progress
finish = progress.Progress.finish
def slowly(self, block, results, states):
    finish(self, block, results, states)
    time.sleep(1.5)
progress.Progress.finish = slowly
sys.argv[0] = "prune_model"
runpy.run_module("workflow_scripts.steps.prune_model", run_name="__main__")
"""


@pytest.mark.parametrize(
    ("method", "block"),
    [("wanda", 0), pytest.param("sparsegpt", 1, marks=pytest.mark.slow), ("sparsegpt", 2)],
)
def test_sigkill_and_the_same_bytes(job, tmp_path, caplog, method, block):
    written = f"states-{block + 1:05}" if block + 1 < BLOCKS else f"block-{block:05}"
    finish_job(job(tmp_path / "undisturbed", method))
    killed = start_slowly(job(tmp_path / "killed", method))
    deadline = time.monotonic() + 120
    while not list((tmp_path / "killed").glob(f"progress/*/{written}.safetensors")):
        assert killed.poll() is None and time.monotonic() < deadline, killed.stderr.read()
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "killed" / "masks.parquet").exists()
    with caplog.at_level(logging.INFO):
        finish_job(job(tmp_path / "killed", method))
    assert "where an earlier run ended" in caplog.text
    names = sorted(path.name for path in (tmp_path / "undisturbed").iterdir() if path.is_file())
    assert names and not list((tmp_path / "killed" / "progress").iterdir())
    for name in names:
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes(), name
    assert read_provenance(tmp_path / "killed" / "masks.parquet")["step"] == "prune_model"
