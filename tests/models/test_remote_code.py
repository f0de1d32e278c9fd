"""Code that comes with a model runs where the study trusts it, and nowhere else."""

import json

import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import save_checkpoint
from workflow_scripts.models.checkpoint import load_model
from workflow_scripts.models.inspection import inspect_checkpoint
from workflow_scripts.models.stored import UnusableModel
from workflow_scripts.planning.models import Hub, Unavailable, read_shape
from workflow_scripts.steps.prepare_model import Parameters, prepare_model
from workflow_scripts.study.sections import ModelSource

CODE = """
from pathlib import Path
from transformers import LlamaConfig, LlamaForCausalLM

Path({trace!r}).write_text("the code has run")

class OwnConfig(LlamaConfig):
    model_type = "own"

class OwnForCausalLM(LlamaForCausalLM):
    config_class = OwnConfig
"""


@pytest.fixture
def given(tmp_path, monkeypatch):
    """A checkpoint whose class comes with it, as a file that leaves a trace when it is run."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    folder = save_checkpoint(tmp_path / "given")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "architectures": ["OwnForCausalLM"]}
    config["auto_map"] = {"AutoConfig": "modeling_own.OwnConfig", "AutoModelForCausalLM": "modeling_own.OwnForCausalLM"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "modeling_own.py").write_text(CODE.format(trace=str(tmp_path / "trace")))
    return folder


def test_code_that_the_study_does_not_trust_does_not_run(given, tmp_path):
    with pytest.raises(UnusableModel, match="code of its own; read that code.*trust_remote_code: true"):
        inspect_checkpoint(given)
    with pytest.raises(ValueError):
        prepare_model(record=tmp_path / "made/provenance.json", checkpoint=[given / "config.json"])
    with pytest.raises((ValueError, Unavailable)):
        read_shape(ModelSource(path=str(given)), Hub(offline=True, reachable=False))
    assert not (tmp_path / "trace").exists()
    assert not (tmp_path / "made/provenance.json").exists()


def test_code_that_the_study_trusts_runs_and_is_part_of_the_record(given, tmp_path):
    assert inspect_checkpoint(given, trusted=True)["model_type"] == "own"
    shape = read_shape(ModelSource(path=str(given), trust_remote_code=True), Hub(offline=True, reachable=False))
    record = tmp_path / "made/provenance.json"
    prepare_model(record=record, parameters=Parameters(trust_remote_code=True), checkpoint=[given / "config.json"])
    content = json.loads(record.read_text())
    assert content["architecture"] == "OwnForCausalLM"
    assert content["parameters"] == shape.parameters
    assert content["source"]["trust_remote_code"] is True
    assert "modeling_own.py" in content["files"]
    model = load_model(record.parent, torch.float32, "cpu")
    assert type(model).__name__ == "OwnForCausalLM"
    weight = "model.layers.0.mlp.up_proj.weight"
    assert torch.equal(model.get_parameter(weight), load_file(given / "model.safetensors")[weight])


def test_a_checkpoint_of_a_known_class_is_loaded_without_the_code_beside_it(given, tmp_path):
    config = json.loads((given / "config.json").read_text())
    (given / "config.json").write_text(
        json.dumps(config | {"model_type": "llama", "architectures": ["LlamaForCausalLM"]})
    )
    record = tmp_path / "made/provenance.json"
    prepare_model(record=record, checkpoint=[given / "config.json"])
    assert type(load_model(record.parent, torch.float32, "cpu")).__name__ == "LlamaForCausalLM"
    assert not (record.parent / "modeling_own.py").exists()
    assert not (tmp_path / "trace").exists()


def test_trust_goes_with_a_path_or_the_hub():
    with pytest.raises(ValueError, match="trust_remote_code goes with path or hub alone"):
        ModelSource(packaged="gemma-3-270m", trust_remote_code=True)
