"""Digests of a checkpoint's tensors, read without torch: those of the tensors that torch reads."""

import hashlib
import json

import pytest
import torch
from safetensors.torch import save_file

from tests.conftest import save_checkpoint
from workflow_scripts.models.digests import TORCH_NAMES, digest_files, digest_tensors
from workflow_scripts.models.stored import UnusableModel

SHAPES = [(), (0,), (3,), (2, 3, 4)]


def digest_by_torch(tensor):
    content = tensor.reshape(-1).view(torch.uint8).numpy().tobytes()
    return hashlib.sha256(f"{tensor.dtype}{tuple(tensor.shape)}".encode() + content).hexdigest()


@pytest.mark.parametrize("name", TORCH_NAMES.values())
def test_digests_are_those_of_torch_s_tensors_of_any_type_and_shape(tmp_path, name):
    dtype = getattr(torch, name)
    tensors = {}
    for shape in SHAPES:
        numbers = torch.randint(0, 2, (torch.Size(shape).numel() * dtype.itemsize,), dtype=torch.uint8)
        tensors[f"of {len(shape)}"] = numbers.view(dtype).reshape(shape)
    save_file(tensors, tmp_path / "model.safetensors")
    digests, parameters = digest_tensors(tmp_path)
    assert digests == {key: digest_by_torch(tensor) for key, tensor in tensors.items()}
    assert parameters == sum(tensor.numel() for tensor in tensors.values())


def test_a_file_that_is_cut_short_is_refused(tmp_path):
    path = save_checkpoint(tmp_path) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UnusableModel, match="cut short"):
        digest_tensors(tmp_path)


def test_an_index_that_names_a_tensor_that_is_not_there_is_refused(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "some.safetensors")
    index = {"metadata": {}, "weight_map": {"a": "some.safetensors", "b": "some.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UnusableModel, match="finds b in some.safetensors, but no file holds it"):
        digest_tensors(tmp_path)


def test_a_type_of_numbers_that_nobody_knows_is_refused_by_name(tmp_path):
    header = json.dumps({"a": {"dtype": "F4", "shape": [2], "data_offsets": [0, 1]}}).encode()
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0")
    with pytest.raises(UnusableModel, match="numbers of type F4 in a, which polyprune does not know"):
        digest_tensors(tmp_path)


def test_files_are_digested_but_not_weights_and_what_is_beside(tmp_path):
    save_checkpoint(tmp_path)
    (tmp_path / "provenance.json").write_text("{}")
    names = set(digest_files(tmp_path))
    assert "config.json" in names and not names & {"provenance.json", "model.safetensors"}
