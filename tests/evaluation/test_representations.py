"""Representations of sentences against one sentence at a time through the model's own hidden states."""

from copy import deepcopy

import pytest
import torch

from tests.conftest import tiny_model
from workflow_scripts.evaluation.representations import Observer
from workflow_scripts.models.blocks import find_blocks

SEQUENCES = [[1, 5, 6, 7, 8], [1, 9], [1, 10, 11, 12, 13, 14, 15, 16], [1, 17, 18, 19]]


def by_hand(model, ids):
    """The output of every block for the tokens after the first: [blocks, tokens, hidden]."""
    outputs = []
    handles = [
        block.register_forward_hook(
            lambda _, __, found: outputs.append(found[0] if isinstance(found, tuple) else found)
        )
        for block in find_blocks(model)
    ]
    model(input_ids=torch.tensor([ids]))
    for handle in handles:
        handle.remove()
    return torch.cat(outputs)[:, 1:]


def pruned(model):
    other = deepcopy(model)
    for parameter in find_blocks(other).parameters():
        parameter[torch.rand(parameter.shape, generator=torch.Generator().manual_seed(1)) < 0.3] = 0
    return other


@pytest.mark.parametrize("batch", [1, 3])
def test_vectors_are_means_over_a_sentences_own_tokens(kind, batch):
    model = tiny_model(kind)
    found = Observer(SEQUENCES, batch).observe(model)
    for number, ids in enumerate(SEQUENCES):
        states = by_hand(model, ids)
        torch.testing.assert_close(found.pooled[:, number], states.mean(1).float())
        torch.testing.assert_close(found.power[:, number], states.square().sum((1, 2)))
    assert found.pooled.dtype == torch.float32 and not found.noise.any()


def test_noise_is_the_difference_from_the_dense_model(kind):
    model = tiny_model(kind)
    other = pruned(model)
    observer = Observer(SEQUENCES, 2)
    observer.remember_dense(model)
    found = observer.observe(other)
    for number, ids in enumerate(SEQUENCES):
        dense, own = by_hand(model, ids), by_hand(other, ids)
        torch.testing.assert_close(found.noise[:, number], (own - dense).square().sum((1, 2)))
        torch.testing.assert_close(found.power[:, number], dense.square().sum((1, 2)))
        torch.testing.assert_close(found.pooled[:, number], own.mean(1).float())
    assert (found.noise > 0).all()
    again = observer.observe(model)
    assert not again.noise.any()


def test_the_last_block_is_followed_by_nothing_but_the_norm():
    """Blocks are counted as the model's own hidden states are."""
    model = tiny_model("llama")
    hidden = model(input_ids=torch.tensor([SEQUENCES[0]]), output_hidden_states=True).hidden_states
    found = Observer(SEQUENCES[:1], 1).observe(model)
    for block, states in enumerate(hidden[1:-1]):
        torch.testing.assert_close(found.pooled[block, 0], states[0, 1:].mean(0).float())
    torch.testing.assert_close(model.base_model.norm(by_hand(model, SEQUENCES[0])[-1]), hidden[-1][0, 1:])
