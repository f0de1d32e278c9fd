"""What is wrong with a local model, told from its files."""

import json
import struct
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from tests.conftest import CONFIGS, MIXTURES, save_checkpoint
from workflow_scripts.models import architectures
from workflow_scripts.models.architectures import CONV1D, CONVOLUTIONS, OWN_MATRICES, causal_model_types, unsupported
from workflow_scripts.models.blocks import UnsupportedArchitecture, iterate_linears
from workflow_scripts.models.inspection import inspect_checkpoint, inspect_gguf
from workflow_scripts.models.stored import UnusableModel
from workflow_scripts.planning.admission import admit


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def shard(folder: Path, index: str) -> None:
    """Have an index in the place of the one file."""
    (folder / "model.safetensors").rename(folder / "a.safetensors")
    (folder / "model.safetensors.index.json").write_text(index)


@pytest.fixture
def folder(tmp_path):
    return save_checkpoint(tmp_path / "tiny")


def test_supported_checkpoints_pass(tmp_path, kind):
    assert inspect_checkpoint(save_checkpoint(tmp_path / kind, kind))["model_type"]


@pytest.mark.parametrize("mixture", sorted(MIXTURES))
def test_known_mixtures_of_experts_pass(tmp_path, mixture):
    folder = save_checkpoint(tmp_path / mixture, mixture)
    assert inspect_checkpoint(folder)["model_type"] == mixture
    admit(folder)


def test_the_mixtures_that_pass_are_those_that_are_tested():
    assert set(MIXTURES) == architectures.MIXTURES


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}, "GPT2LMHeadModel keeps its weights in Conv1D"),
        ({"model_type": "gpt_oss", "num_local_experts": 32}, "is a mixture of experts of another kind than those that can"),
        ({"model_type": "deepseek_v3", "n_routed_experts": 256}, "(mixtral, olmoe, qwen2_moe, qwen3_moe); take another"),
        ({"model_type": "t5", "is_encoder_decoder": True}, "has an encoder and a decoder"),
        ({"model_type": "gemma3", "text_config": {}, "vision_config": {}}, "is multimodal; save its language model alone"),
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "BertForMaskedLM is an encoder"),
        ({"model_type": "mamba"}, "has convolutional or recurrent blocks"),
        ({"model_type": "lfm2", "layer_types": ["conv", "full_attention"]}, "has convolutional or recurrent blocks"),
        ({"architectures": ["LlamaForSequenceClassification"]}, "has no head that predicts the next token"),
        ({"quantization_config": {"quant_method": "gptq"}}, "is quantised"),
        ({"model_type": "lama"}, "is a 'lama', no causal language model that the installed transformers knows; did you mean"),
        ({"model_type": None}, "config.json without model_type"),
    ],
)  # fmt: skip
def test_unsupported_architectures_are_named(folder, changes, sentence):
    edit_config(folder, **changes)
    with pytest.raises(UnusableModel) as raised:
        inspect_checkpoint(folder)
    assert sentence in str(raised.value)


def test_a_hub_model_with_another_head_is_refused_where_its_files_are(folder):
    admit(folder)
    edit_config(folder, architectures=["LlamaForSequenceClassification"])
    with pytest.raises(UnusableModel, match="LlamaForSequenceClassification has no head that predicts"):
        admit(folder)


def test_a_dense_model_may_count_its_experts():
    assert unsupported({"model_type": "llama", "num_experts": 1, "num_local_experts": None}) is None
    assert unsupported({"model_type": "doge", "num_experts": 16384, "is_moe": False}) is None


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda f: (f / "config.json").unlink(), "holds no config.json"),
        (lambda f: (f / "config.json").rename(f / "adapter_config.json"), "is an adapter without its model"),
        (lambda f: (f / "config.json").write_text("{"), "has a config.json that is no JSON object"),
        (lambda f: (f / "config.json").write_text("[]"), "has a config.json that is no JSON object"),
        (lambda f: (f / "model.safetensors").unlink(), "holds no *.safetensors; fetch"),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "only weights of another format"),
        (lambda f: (f / "model.safetensors").write_bytes(b""), "model.safetensors that is cut short or damaged"),
        (lambda f: (f / "model.safetensors").write_bytes((f / "model.safetensors").read_bytes()[:-1]), "cut short"),
        (lambda f: (f / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n"), "Git LFS"),
        (lambda f: (f / "tokenizer.json").write_text("version https://git-lfs.github.com/spec/v1\n"), "for tokenizer.json, only a p"),
        (lambda f: shard(f, "{}"), "without a weight_map"),
        (lambda f: shard(f, '{"metadata": {}, "weight_map": {"a": "b.safetensors"}}'), "lacks b.saf"),
        (lambda f: shard(f, '{"weight_map": {"a": "a.safetensors"}}'), "without metadata, which transformers wants"),
        (lambda f: [path.unlink() for path in f.glob("tokenizer*")], "holds no tokenizer"),
    ],
)  # fmt: skip
def test_files_that_are_missing_or_damaged_are_named(folder, spoil, sentence):
    spoil(folder)
    with pytest.raises(UnusableModel) as raised:
        inspect_checkpoint(folder)
    assert sentence in str(raised.value)


def gguf(architecture: bytes) -> bytes:
    key = b"general.architecture"
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", len(key)) + key
    return head + struct.pack("<IQ", 8, len(architecture)) + architecture


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "is no GGUF file"), (b"PK\x03\x04", "is no GGUF file"), (gguf(b"gpt2"), "gpt2 keeps its weights in Conv1D")],
)
def test_a_file_that_is_no_usable_gguf_is_refused(tmp_path, content, sentence):
    (tmp_path / "x.gguf").write_bytes(content)
    with pytest.raises(UnusableModel, match=sentence):
        inspect_gguf(tmp_path / "x.gguf")


@pytest.mark.parametrize("content", [gguf(b"llama"), b"GGUF", gguf(b"llama")[:30]])
def test_a_gguf_file_whose_architecture_is_fine_or_unknown_passes(tmp_path, content):
    (tmp_path / "x.gguf").write_bytes(content)
    inspect_gguf(tmp_path / "x.gguf")


def test_the_types_read_from_the_source_are_those_that_transformers_knows():
    assert causal_model_types() == set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
    assert {CONFIGS[kind]().model_type for kind in CONFIGS} <= causal_model_types()


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted((CONV1D | CONVOLUTIONS | OWN_MATRICES) & causal_model_types()))
def test_what_is_refused_by_name_is_refused_by_its_blocks(kind):
    config = AutoConfig.for_model(kind)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    with pytest.raises(UnsupportedArchitecture):
        list(iterate_linears(model))
