"""Firing of neurons against the gate computed by hand, one text at a time."""

import pytest
import torch

from tests.conftest import MIXTURES, tiny_model
from workflow_scripts.evaluation.activations import activations_table, count_firing, find_activation, halve
from workflow_scripts.evaluation.chunks import Chunk
from workflow_scripts.models.blocks import UnsupportedArchitecture, find_blocks

CHUNKS = [Chunk("a", [1, 5, 6, 7, 8]), Chunk("b", [1, 9]), Chunk("b", [1, 10, 11, 12, 13, 14, 15])]


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("name", ["gemma3", "llama"])
def test_a_neuron_fires_where_its_gate_is_above_zero(name, batch):
    model = tiny_model(name)
    expected = []
    for block in find_blocks(model):
        inputs = []
        handle = block.mlp.register_forward_pre_hook(lambda _, args, inputs=inputs: inputs.append(args[0]))
        for chunk in CHUNKS:
            model(input_ids=torch.tensor([chunk.token_ids]))
        handle.remove()
        gates = [block.mlp.gate_proj(states)[0, 1:] for states in inputs]
        expected.append(sum((gate > 0).sum(0) for gate in gates))
    counts = count_firing(model, CHUNKS, batch)
    assert torch.equal(counts, torch.stack(expected))
    assert 0 < counts.float().mean() < 11


def test_every_kind_of_model_has_neurons(kind):
    counts = count_firing(tiny_model(kind), CHUNKS, 2)
    assert counts.shape[0] == 3 and counts.max() <= 11 and counts.min() >= 0
    assert 0 < counts.float().mean() < 11


@pytest.mark.parametrize("name", sorted(MIXTURES))
def test_mixtures_of_experts_are_refused_by_name(name):
    model = tiny_model(name)
    block = next(block for block in find_blocks(model) if "experts" in str(block).lower())
    with pytest.raises(UnsupportedArchitecture, match=f"{type(block).__name__} has no feed-forward layer"):
        find_activation(block)


def test_halves_have_equally_many_tokens_of_different_documents():
    chunks = [Chunk(name, [1, *range(size)]) for name, size in (("a", 5), ("b", 9), ("c", 4), ("c", 2), ("d", 3))]
    first, second = halve(chunks, 18)
    assert [(chunk.doc_id, len(chunk.token_ids) - 1) for chunk in first] == [("a", 5), ("c", 4)]
    assert [(chunk.doc_id, len(chunk.token_ids) - 1) for chunk in second] == [("b", 9)]
    with pytest.raises(ValueError, match=r"have 11 tokens, fewer than the 12 .* lower that number to 22"):
        halve(chunks, 24)


def test_the_table_has_a_row_a_neuron():
    table = activations_table(
        [torch.tensor([[1, 2, 3], [4, 5, 6]]), torch.tensor([[0, 0, 1], [1, 1, 1]])], 9
    ).to_pylist()
    assert table[4] == {"block": 1, "neuron": 1, "first": 5, "second": 1, "tokens": 9}
    assert len(table) == 6
