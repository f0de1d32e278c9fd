"""What pruning holds at a time: refused where it does not fit, hidden states in a file where they do not, masks the same."""

import os
from pathlib import Path

import pytest
import torch

from tests.conftest import tiny_model
from tests.pruning.test_engine import calibration, prune, windows
from workflow_scripts.models.memory import available_memory, granted_memory, held_memory, parse_memory
from workflow_scripts.models.scratch import SCRATCH
from workflow_scripts.models.streaming import StreamedModel
from workflow_scripts.pruning import memory
from workflow_scripts.pruning.memory import PREFIX, Needs, NotEnoughMemory, allocate_hidden, estimate_needs

NEEDS = Needs(block=400, statistics=300, work=300)
SHAPE = (2, 3, 4)


@pytest.fixture
def process(monkeypatch):
    """A process that holds nothing yet, on a machine with 2000 bytes available."""
    monkeypatch.setattr(memory, "held_memory", lambda: 0)
    monkeypatch.setattr(memory, "available_memory", lambda: 2000)


@pytest.mark.parametrize(("budget", "in_file"), [(None, False), (1096, False), (1095, True)])
def test_hidden_states_go_to_a_file_where_memory_is_short(process, tmp_path, budget, in_file):
    hidden = allocate_hidden(SHAPE, torch.float32, NEEDS, "cpu", budget, tmp_path)
    assert hidden.shape == SHAPE and hidden.dtype == torch.float32
    hidden.fill_(7)
    assert (str(tmp_path / PREFIX) in Path("/proc/self/maps").read_text()) == in_file
    assert not list(tmp_path.iterdir()), "a file without a name goes with the process"


def test_hidden_states_go_to_the_scratch_of_the_machine(process, tmp_path, monkeypatch):
    monkeypatch.setenv(SCRATCH, str(tmp_path / "scratch"))
    hidden = allocate_hidden(SHAPE, torch.float32, NEEDS, "cpu", 1095, tmp_path)
    assert hidden.fill_(7).sum() == 7 * hidden.numel()
    assert str(tmp_path / "scratch" / PREFIX) in Path("/proc/self/maps").read_text()


def test_a_full_disk_is_told_before_the_work_begins(process, tmp_path, monkeypatch):
    def fill(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", fill)
    with pytest.raises(NotEnoughMemory, match=rf"{tmp_path} has no room \(No space left on device\): .*{SCRATCH}"):
        allocate_hidden(SHAPE, torch.float32, NEEDS, "cpu", 1095, tmp_path)


def test_a_job_that_does_not_fit_says_so(process, tmp_path):
    with pytest.raises(NotEnoughMemory, match=r"needs about 0.00 GB .* left of pruning.memory: lower pruning.batch"):
        allocate_hidden(SHAPE, torch.float32, NEEDS, "cpu", 999, tmp_path)


def test_a_gpu_holds_two_blocks_and_the_hidden_states_if_there_is_room(process, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda device: 1495)
    assert allocate_hidden(SHAPE, torch.float32, NEEDS, "meta", None, tmp_path).device.type == "cpu"
    monkeypatch.setattr(memory, "free_memory", lambda device: 1496)
    assert allocate_hidden(SHAPE, torch.float32, NEEDS, "meta", None, tmp_path).device.type == "meta"
    monkeypatch.setattr(memory, "free_memory", lambda device: 1399)
    with pytest.raises(NotEnoughMemory, match="of meta"):
        allocate_hidden(SHAPE, torch.float32, NEEDS, "meta", None, tmp_path)


@pytest.mark.parametrize("method", ["wanda", "sparsegpt"])
def test_masks_do_not_depend_on_where_hidden_states_are(method, tmp_path, monkeypatch):
    expected = prune(tiny_model("gemma3"), method, "0.5", calibration(windows()))
    monkeypatch.setattr(memory, "available_memory", lambda: 10**6)
    monkeypatch.setattr("workflow_scripts.pruning.engine.estimate_needs", lambda *given: Needs(0, 0, 10**6 - 1))
    files = []
    from_file = torch.from_file
    monkeypatch.setattr(torch, "from_file", lambda file, **given: files.append(file) or from_file(file, **given))
    found = prune(tiny_model("gemma3"), method, "0.5", calibration(windows()), tmp_path)
    assert len(files) == 1
    assert all(torch.equal(a.mask, b.mask) for a, b in zip(expected, found, strict=True))


def test_the_estimate_counts_a_block_and_its_gram_matrices(tmp_path):
    model = tiny_model("llama", torch.float32)
    model.save_pretrained(tmp_path)
    streamed = StreamedModel.of(tmp_path, torch.float32)
    needs = estimate_needs(streamed, 24, "gram")
    assert needs.block == 4 * sum(parameter.numel() for parameter in model.model.layers[0].parameters())
    # q, k and v; o, which has as many inputs; gate and up; down.
    assert needs.statistics == 4 * (32**2 + 32**2 + 32**2 + 48**2)
    assert estimate_needs(streamed, 24, "squared_norms").statistics == 0
    assert estimate_needs(streamed, 48, None).work > estimate_needs(streamed, 24, None).work


@pytest.mark.parametrize(("text", "size"), [("auto", None), ("8 GiB", 8 * 2**30), ("800MB", 8 * 10**8)])
def test_amounts_of_memory_are_read(text, size):
    assert parse_memory(text) == size


@pytest.mark.parametrize("text", ["", "8", "eight GiB", "-1 GB", "0 GB", "GB"])
def test_what_is_no_amount_of_memory_is_refused(text):
    with pytest.raises(
        ValueError, match="is no amount of memory; write auto, or an amount with its unit such as 8 GiB"
    ):
        parse_memory(text)


@pytest.mark.parametrize(
    ("told", "granted"),
    [
        ("JobId=7 NumCPUs=2 TRES=cpu=2,mem=300M,node=1,billing=2 MinMemoryNode=300M", 300 * 2**20),
        ("JobId=7 ReqTRES=cpu=4,mem=1.5G,node=1 AllocTRES=cpu=4,mem=1.5G,node=1,gres/gpu=1", 1536 * 2**20),
        ("JobId=7 TRES=cpu=2,node=1,billing=2 MinMemoryNode=0", None),
        ("", None),
    ],
)
def test_a_job_takes_no_more_than_slurm_gave_it(told, granted, tmp_path, monkeypatch):
    (tmp_path / "scontrol").write_text(f'#!/bin/sh\ntest "$4" = 7 && echo "{told}"\n')
    (tmp_path / "scontrol").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert granted_memory() is None
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert granted_memory() == granted
    if granted:
        assert available_memory() <= granted - held_memory() + 10**8
