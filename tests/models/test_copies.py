"""Dense copies: dropped without touching what is the user's, restored to the same bytes."""

import shutil

import pytest
import torch

from tests.conftest import save_checkpoint
from tests.in_process import run_here
from tests.tiny_gguf import save_gguf
from workflow_scripts.models import copies
from workflow_scripts.models.checkpoint import load_model
from workflow_scripts.models.copies import drop_weights, is_dropped, restore_weights
from workflow_scripts.steps.prepare_model import prepare_model


@pytest.fixture
def record(tmp_path):
    """Record of a copy made of a GGUF file."""
    record = tmp_path / "results" / "tiny" / "provenance.json"
    prepare_model(record=record, gguf=save_gguf(tmp_path / "mine" / "tiny.gguf"))
    return record


@pytest.fixture
def restored_here(monkeypatch):
    """Copies are restored by this process; in `test_a_dropped_copy_is_restored_when_it_is_loaded` by one of its own."""
    monkeypatch.setattr(copies.subprocess, "run", run_here)


def test_a_dropped_copy_is_restored_when_it_is_loaded(record):
    weights = record.parent / "model.safetensors"
    before, text = weights.read_bytes(), record.read_bytes()
    assert drop_weights(record) == len(before)
    assert is_dropped(record.parent) and not weights.exists()
    load_model(record.parent, torch.float32, "cpu")
    assert weights.read_bytes() == before
    assert record.read_bytes() == text
    assert not is_dropped(record.parent)


def test_weights_are_dropped_once(record):
    drop_weights(record)
    assert drop_weights(record) == 0
    assert drop_weights(record.parent.parent / "absent" / "provenance.json") == 0


def test_the_users_gguf_file_stays(record, tmp_path):
    drop_weights(record)
    assert (tmp_path / "mine" / "tiny.gguf").is_file()


def test_a_linked_checkpoint_loses_nothing(tmp_path):
    given = save_checkpoint(tmp_path / "given")
    linked = tmp_path / "results" / "tiny" / "provenance.json"
    prepare_model(record=linked, checkpoint=[given / "config.json"])
    assert drop_weights(linked) == 0
    assert (given / "model.safetensors").is_file() and (linked.parent / "model.safetensors").is_symlink()


def test_a_source_that_is_gone_is_named(record, restored_here, tmp_path):
    drop_weights(record)
    shutil.rmtree(tmp_path / "mine")
    with pytest.raises(ValueError, match=r"tiny\.gguf is not there any more: put it back, or delete"):
        restore_weights(record.parent)


def test_a_source_that_changed_is_refused(record, restored_here, tmp_path):
    drop_weights(record)
    save_gguf(tmp_path / "mine" / "tiny.gguf", seed=1)
    with pytest.raises(ValueError, match="gives other weights than its record: delete .* and run again"):
        restore_weights(record.parent)
    assert is_dropped(record.parent)
