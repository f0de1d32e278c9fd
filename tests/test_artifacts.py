"""Artifacts: equal bytes for equal content, whole provenance, nothing half-written, damage named."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from workflow_scripts.artifacts import files as artifacts

PROVENANCE = {"step": "s", "parameters": {"b": 1, "a": [1.5, "ü"]}, "code": "c", "inputs": {}, "versions": {}}


def write_each(folder):
    artifacts.write_table(folder / "t.parquet", pa.table({"x": [1, 2]}), PROVENANCE)
    artifacts.write_tensors(folder / "t.safetensors", {"b": torch.ones(2), "a": torch.zeros(3)}, PROVENANCE)
    artifacts.write_json(folder / "t.json", {"x": 1}, PROVENANCE)
    return sorted(folder.iterdir())


def test_equal_content_gives_equal_bytes_and_carries_its_provenance(tmp_path):
    first, second = write_each(tmp_path / "one"), write_each(tmp_path / "two")
    assert [path.name for path in first] == ["t.json", "t.parquet", "t.safetensors"]
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes()
        assert artifacts.read_provenance(a) == PROVENANCE


def test_provenance_holds_digests_not_paths(tmp_path):
    path = tmp_path / "input.txt"
    path.write_text("text")
    made = artifacts.make_provenance("prune_model", {"z": 1}, "code", {"one": path, "many": [path, path]})
    digest = artifacts.digest_of_file(path)
    assert made["inputs"] == {"one": digest, "many": [digest, digest]}
    assert str(tmp_path) not in json.dumps(made)
    assert set(made["versions"]) == {"polyprune", "numpy", "tokenizers", "torch", "transformers"}


def test_an_interrupted_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), artifacts.replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["t.parquet", "t.safetensors", "t.json"])
def test_damage_and_missing_provenance_are_named(tmp_path, name):
    write_each(tmp_path)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(artifacts.ArtifactError, match=name):
        artifacts.read_provenance(path)

    pq.write_table(pa.table({"x": [1]}), tmp_path / "foreign.parquet")
    with pytest.raises(artifacts.ArtifactError, match="carries no provenance"):
        artifacts.read_provenance(tmp_path / "foreign.parquet")


def test_a_flipped_bit_in_a_page_is_found(tmp_path):
    path = tmp_path / "t.parquet"
    artifacts.write_table(path, pa.table({"x": list(range(1000))}), PROVENANCE)
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    with pytest.raises(artifacts.ArtifactError, match=r"t\.parquet is damaged"):
        artifacts.read_table(path)


def test_canonical_json_has_one_spelling():
    assert artifacts.canonical_json({"b": 1, "a": {"d": 2, "c": None}}) == '{"a":{"c":null,"d":2},"b":1}'
    with pytest.raises(ValueError):
        artifacts.canonical_json({"a": float("nan")})
    with pytest.raises(TypeError):
        artifacts.canonical_json({"a": {1, 2}})


def test_tensors_of_every_dtype_come_back(tmp_path):
    from safetensors.torch import load_file

    tensors = {
        "bfloat16": torch.randn(3, 5).to(torch.bfloat16),
        "float64": torch.randn(4).double(),
        "int64": torch.arange(7),
        "empty": torch.empty(0),
        "transposed": torch.randn(4, 6).T,
        "uint8": torch.arange(3, dtype=torch.uint8),
        "scalar": torch.tensor(5),
    }
    artifacts.write_tensors(tmp_path / "t.safetensors", tensors, PROVENANCE)
    found = load_file(tmp_path / "t.safetensors")
    assert set(found) == set(tensors)
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())
