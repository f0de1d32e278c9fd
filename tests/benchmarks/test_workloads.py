"""The generated checkpoint, the engine under the counter, the comparison of both sides, the benchmark's lock."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.checkpoint import Sizes, write_checkpoint
from benchmarks.flops import count
from benchmarks.memory import write_windows
from benchmarks.speed import agreement, compare
from benchmarks.workload import Workload, environment
from tests.conftest import save_record
from tests.test_environments import pins
from workflow_scripts.masks.store import MaskWriter
from workflow_scripts.models.streaming import StreamedModel

ENVS = Path(__file__).parents[2] / "envs"
TINY = Sizes(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    vocab_size=96,
)
LINEARS = 2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 48
"""Weights of the linears of a block."""


def test_a_generated_checkpoint_loads_and_has_the_parameters_that_it_says(tmp_path):
    parameters = write_checkpoint(tmp_path, TINY)
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert parameters == sum(parameter.numel() for parameter in model.parameters())
    assert parameters == 3 * (LINEARS + 2 * 32) + 32 + 96 * 32
    assert len(list(tmp_path.glob("*.safetensors"))) == 4
    expected = dict(model.named_parameters())
    for index, block in StreamedModel.of(tmp_path, torch.float32).stream("cpu"):
        for name, parameter in block.named_parameters():
            assert torch.equal(parameter, expected[f"model.layers.{index}.{name}"]), name
    assert AutoTokenizer.from_pretrained(tmp_path)("a").input_ids == [4]


def test_a_billion_parameters_are_a_billion():
    sizes = Sizes()
    keys = sizes.hidden_size * sizes.num_key_value_heads // sizes.num_attention_heads
    block = sizes.hidden_size * (2 * sizes.hidden_size + 2 * keys + 3 * sizes.intermediate_size)
    assert sizes.num_hidden_layers * block + sizes.vocab_size * sizes.hidden_size == pytest.approx(1.04e9, rel=0.01)


def test_the_engine_runs_under_the_counter(tmp_path):
    write_checkpoint(tmp_path, TINY)
    record = save_record(tmp_path)
    write_windows(tmp_path / "windows.parquet", record, TINY.vocab_size, windows=2, length=16)
    counter = count(Workload(record, tmp_path / "windows.parquet"), batch=1)
    # Every block sees every window before it is pruned, and all but the last see them again afterwards.
    assert counter.operations > 2 * 32 * (3 + 2) * LINEARS
    # So do the scores of attention: two heads of width 8 with one key, 16 queries each, against 16 keys.
    scores = [times for pair, times in counter.products.items() if (pair.a.size, pair.b.size) == ((32, 8), (8, 16))]
    assert sum(scores) >= 2 * 2 * (3 + 2)


def test_equal_bits_are_counted(tmp_path):
    masks = {(0, "a"): np.ones((4, 10), bool), (1, "b"): np.zeros((2, 8), bool)}
    with MaskWriter(tmp_path / "ours.parquet", {"step": "test"}) as writer:
        for (block, module), mask in masks.items():
            writer.write(block, module, mask)
    masks[1, "b"][0, :4] = True
    np.savez(tmp_path / "peer.npz", **{f"{b}.{m}": np.packbits(mask, axis=1) for (b, m), mask in masks.items()})
    agreed = agreement(tmp_path / "ours.parquet", tmp_path / "peer.npz")
    assert agreed == {"all": 52 / 56, "first_block": 1, "lowest_linear": 12 / 16}


def test_ratios_are_of_one_round():
    spent = dict.fromkeys(("cpu_seconds", "peak_rss", "peak_anonymous"), 1.0)
    calls = [
        {"side": side, "seconds": seconds, **spent}
        for side, seconds in [("polyprune", 2), ("llm-compressor", 6), ("polyprune", 4), ("llm-compressor", 10)]
    ]
    assert compare(calls)["seconds"] == [3, 2.5]


@pytest.mark.slow
def test_the_memory_benchmark_runs_on_a_tiny_model(tmp_path):
    sizes = [f"--sizes.{name.replace('_', '-')}={getattr(TINY, name)}" for name in TINY.__dataclass_fields__]
    options = ["--folder", tmp_path, "--windows=2", "--length=16", "--output", tmp_path / "memory.json"]
    command = [sys.executable, "-m", "benchmarks.memory", *options, *sizes]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(1))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("held") == 2
    assert json.loads((tmp_path / "memory.json").read_text())["settings"]["hidden_size"] == 32


def test_the_lock_of_the_peer_is_whole_and_names_no_index_and_no_local_build():
    text = (ENVS / "benchmark.txt").read_text()
    wanted = re.findall(r"^([a-z][a-z0-9-]*)", (ENVS / "benchmark.in").read_text(), re.MULTILINE)
    assert set(wanted) <= pins(text).keys()
    assert pins(text)["torch"] == pins((ENVS / "requirements.txt").read_text())["torch"]
    assert "+cpu" not in text and "://" not in text and "find-links" not in text
