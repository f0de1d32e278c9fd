"""What a study says of its local models before any job: of those that cannot be used, and of those that it does not fit."""

import json
import shutil
import struct
from pathlib import Path

import pytest
import yaml
from transformers import LlamaConfig, LlamaForCausalLM

from tests.conftest import SIZES, tiny_tokenizer
from tests.tiny_gguf import save_gguf
from workflow_scripts.study.errors import StudyError
from workflow_scripts.study.reading import read_study

ROOT = Path(__file__).parents[1]


def said_of(model: dict, **changes: dict) -> str:
    """The sentences about the default study with another model; empty where there are none."""
    study = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    study["models"] = {"mine": model}
    for section, values in ({"calibration": {"length": 32}, "evaluation": {"length": 32}} | changes).items():
        study[section] |= values
    try:
        read_study(study)
    except StudyError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def odd(tmp_path_factory) -> Path:
    """A model whose attention has 18 outputs: three heads of six."""
    folder = tmp_path_factory.mktemp("odd")
    config = LlamaConfig(**SIZES | {"hidden_size": 36, "num_attention_heads": 3, "num_key_value_heads": 1}, head_dim=6)
    LlamaForCausalLM(config).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def test_a_local_model_that_fits_is_no_problem(odd):
    assert said_of({"path": str(odd)}) == ""


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"pruning": {"patterns": ["2:4"]}}, "groups of 4 do not divide the 18 inputs of linears of model mine"),
        (
            {"evaluation": {"continuations": {"prompts": 2, "opening": 40, "tokens": 30}}},
            "30 tokens and 41 beside them are more",
        ),
        ({"evaluation": {"length": 65}}, "65 tokens are more than the 64 that model mine can see; take at most 64"),
    ],
)
def test_a_study_that_does_not_fit_its_model_is_refused(odd, changes, sentence):
    assert sentence in said_of({"path": str(odd)}, **changes)


def test_a_gguf_file_is_looked_at_as_a_directory_is(tmp_path):
    whole = save_gguf(tmp_path / "whole.gguf")
    assert said_of({"gguf": str(whole)}) == ""
    assert "65 tokens are more than the 64 that model mine" in said_of({"gguf": str(whole)}, evaluation={"length": 65})
    short = tmp_path / "short.gguf"
    short.write_bytes(whole.read_bytes()[:-100])
    assert "is cut short or damaged" in said_of({"gguf": str(short)})


def test_a_vision_projector_is_refused(tmp_path):
    sentence = said_of({"gguf": str(save_gguf(tmp_path / "mmproj.gguf", architecture="clip"))})
    assert "architecture clip is not supported" in sentence


def test_a_safetensors_file_of_another_format_is_refused(odd, tmp_path):
    for path in odd.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", 2) + b"[]")
    assert "has a model.safetensors that is cut short or damaged" in said_of({"path": str(tmp_path)})


def test_a_hub_model_is_looked_at_as_soon_as_the_cache_has_it(odd, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    model = {"hub": "someone/odd", "revision": "main"}
    assert said_of(model) == ""
    home, commit = tmp_path / "models--someone--odd", "0" * 40
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(commit)
    snapshot = home / "snapshots" / commit
    shutil.copytree(odd, snapshot)
    assert said_of(model) == ""
    assert "groups of 4 do not divide the 18 inputs" in said_of(model, pruning={"patterns": ["2:4"]})
    config = json.loads((snapshot / "config.json").read_text())
    (snapshot / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 4}))
    assert "models.mine.hub: someone/odd has 4 blocks by its configuration" in said_of(model)
