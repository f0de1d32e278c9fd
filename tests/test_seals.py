"""Seals: any change of any byte of an artifact is found from the file alone."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workflow_scripts.artifacts import files as artifacts
from workflow_scripts.artifacts import seals
from workflow_scripts.masks.store import MaskWriter

PROVENANCE = {"step": "s", "parameters": {}, "code": "c", "inputs": {}, "versions": {}}
NAMES = ["masks.parquet", "record.json", "table.parquet", "weights.safetensors"]


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sealed")
    artifacts.write_table(folder / "table.parquet", pa.table({"text": ["self-sha256:", "b"]}), PROVENANCE)
    artifacts.write_tensors(folder / "weights.safetensors", {"a": torch.arange(5.0)}, PROVENANCE)
    artifacts.write_json(folder / "record.json", {"files": {"a": 1}, "tensors": ["x"]}, PROVENANCE)
    with MaskWriter(folder / "masks.parquet", PROVENANCE) as writer:
        writer.write(0, "mlp.up_proj", torch.ones(3, 4, dtype=torch.bool))
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_what_was_written_is_whole(sealed, name):
    assert seals.is_whole(sealed / name)
    artifacts.refuse_damaged(sealed / name)
    assert artifacts.read_provenance(sealed / name) == PROVENANCE


@given(st.sampled_from(NAMES), st.data())
def test_any_changed_missing_or_added_byte_is_found(sealed, tmp_path_factory, name, data):
    content = bytearray((sealed / name).read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    match data.draw(st.sampled_from(["flip", "cut", "add"])):
        case "flip":
            content[at] ^= 1 << data.draw(st.integers(0, 7))
        case "cut":
            del content[at:]
        case "add":
            content.insert(at, data.draw(st.integers(0, 255)))
    broken = tmp_path_factory.mktemp("broken") / name
    broken.write_bytes(content)
    assert not seals.is_whole(broken)


@pytest.mark.parametrize("piece", [1, 7, 64])
def test_a_seal_does_not_depend_on_the_pieces_in_which_a_file_is_read(sealed, monkeypatch, piece):
    monkeypatch.setattr(seals, "PIECE", piece)
    assert all(seals.is_whole(sealed / name) for name in NAMES)


def test_an_edited_table_with_its_old_metadata_is_found(sealed, tmp_path):
    whole = pq.ParquetFile(sealed / "table.parquet")
    edited = whole.read().set_column(0, "text", pa.array(["a", "c"]))
    with pq.ParquetWriter(tmp_path / "edited.parquet", edited.schema) as writer:
        writer.write_table(edited)
        writer.add_key_value_metadata({"seal": whole.metadata.metadata[b"seal"].decode()})
    assert artifacts.read_provenance(tmp_path / "edited.parquet") == PROVENANCE
    with pytest.raises(artifacts.ArtifactError, match=r"edited\.parquet is not what was written there: delete it"):
        artifacts.make_provenance("prune_model", {}, "", {"table": tmp_path / "edited.parquet"})


def test_files_of_others_have_no_seal(tmp_path):
    (tmp_path / "own.json").write_text(json.dumps({"a": 1}))
    (tmp_path / "empty.txt").write_text("")
    for path in tmp_path.iterdir():
        assert not seals.is_sealed(path)
        assert not seals.is_whole(path)
        artifacts.refuse_damaged(path)
    with pytest.raises(ValueError, match="without a seal"):
        seals.seal(tmp_path / "own.json")
