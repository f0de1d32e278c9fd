"""Single rows of a stored matrix, read a piece of the file at a time."""

import pytest
import torch
from safetensors import safe_open

from tests.conftest import tiny_model
from workflow_scripts.models import checkpoint
from workflow_scripts.models.checkpoint import Checkpoint


@pytest.mark.parametrize("mapped", [1, 64 * 4 * 3, 2**25])
@pytest.mark.parametrize("wanted", [[0], [0, 1, 2, 3, 9, 30], list(range(40)), []])
def test_rows_are_those_of_the_matrix_whatever_is_mapped_at_a_time(mapped, wanted, tmp_path, monkeypatch):
    model = tiny_model("llama", torch.float32)
    model.save_pretrained(tmp_path)
    table = model.get_input_embeddings().weight
    name = next(name for name, parameter in model.named_parameters() if parameter is table)
    opened = []
    monkeypatch.setattr(checkpoint, "MAPPED", mapped)
    monkeypatch.setattr(checkpoint, "safe_open", lambda *args, **kwargs: opened.append(1) or safe_open(*args, **kwargs))
    loaded = Checkpoint(tmp_path, model)
    opened.clear()
    rows = loaded.rows(name, torch.tensor(wanted, dtype=torch.long))
    assert torch.equal(rows, table[wanted])
    some = max(1, mapped // (table.shape[1] * 4))
    assert len(opened) == 1 + len({row // some for row in wanted})
