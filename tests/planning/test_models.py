"""Shapes of models from configurations and headers, and one sentence where a model is not there."""

import pytest

from tests.conftest import CONFIGS, MIXTURES, save_checkpoint, tiny_model
from tests.tiny_gguf import save_gguf
from workflow_scripts.models.blocks import iterate_linears
from workflow_scripts.planning.models import Hub, Unavailable, Unknown, read_shape, shape_of
from workflow_scripts.study import ModelSource

HUB = Hub(offline=True, reachable=False)


def test_a_configuration_gives_the_numbers_of_the_model(kind):
    model = tiny_model(kind)
    shape = shape_of(CONFIGS[kind](), 2)
    assert shape.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert shape.prunable == sum(linear.weight.numel() for _, _, linear in iterate_linears(model))
    assert (shape.hidden, shape.vocabulary, shape.dtype_bytes) == (32, 96, 2)


def test_every_expert_has_inputs_of_its_own():
    shape = shape_of(MIXTURES["mixtral"](), 2)
    # q, k and v; o; gate and up of each expert; down of each expert.
    assert len(shape.linears) == 3 * (4 + 5 * 3)
    assert len(shape.shared) == 3 * (2 + 5 * 2)


@pytest.mark.parametrize("kind", MIXTURES)
def test_a_token_is_multiplied_by_the_experts_it_is_sent_to(kind):
    model = tiny_model(kind)
    shape = shape_of(MIXTURES[kind](), 2)
    experts = sum(linear.weight.numel() for _, name, linear in iterate_linears(model) if ".experts." in name)
    assert experts > 0
    # Two experts of five.
    assert shape.active == pytest.approx(shape.prunable - experts * 3 / 5)
    down = next(shared for shared in shape.shared if shared.in_features in (24, 48) and shared.share < 1)
    assert down.share == pytest.approx(2 / 5)


def test_the_packaged_model():
    shape = read_shape(ModelSource(packaged="gemma-3-270m"), HUB)
    # As its record counts them: tied embeddings once.
    assert shape.parameters == 268_098_176
    assert len(shape.linears) == 18 * 7
    assert len(shape.shared) == 18 * 4


def test_a_checkpoint_and_a_gguf_file(tmp_path):
    shape = read_shape(ModelSource(path=str(save_checkpoint(tmp_path / "tiny"))), HUB)
    assert shape == shape_of(CONFIGS["llama"](), 4)
    shape = read_shape(ModelSource(gguf=str(save_gguf(tmp_path / "tiny.gguf"))), HUB)
    assert shape.parameters == 19_616
    assert len(shape.linears) == 2 * 7


def test_a_model_that_is_not_there_is_named_with_its_remedy(tmp_path):
    with pytest.raises(Unavailable, match=r"holds no config\.json: point models"):
        read_shape(ModelSource(path=str(tmp_path)), HUB)
    save_checkpoint(tmp_path / "tiny")
    (tmp_path / "tiny/model.safetensors").unlink()
    with pytest.raises(Unavailable, match=r"holds no \*\.safetensors; fetch"):
        read_shape(ModelSource(path=str(tmp_path / "tiny")), HUB)
    (tmp_path / "text.gguf").write_text("text")
    with pytest.raises(Unavailable, match="is no GGUF file"):
        read_shape(ModelSource(gguf=str(tmp_path / "text.gguf")), HUB)


def test_a_hub_model_out_of_reach_is_missing_offline_and_unknown_otherwise(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    source = ModelSource(hub="organisation/model", revision="main")
    with pytest.raises(Unavailable, match="unset HF_HUB_OFFLINE, or fetch it elsewhere with `hf download`"):
        read_shape(source, HUB)
    with pytest.raises(Unknown, match="its size is not known"):
        read_shape(source, Hub(offline=False, reachable=False))
