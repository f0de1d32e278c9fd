"""What a model passes to its blocks, recorded and replayed."""

import pytest
import torch

from tests.conftest import tiny_model
from workflow_scripts.models.blocks import find_blocks
from workflow_scripts.pruning.propagation import BlockCalls


@pytest.mark.parametrize(("length", "masked"), [(6, 0), (12, 2)])
def test_masks_that_are_causal_alone_are_left_to_fused_attention(length, masked):
    model = tiny_model("gemma3")
    token_ids = torch.randint(4, 96, (2, length), generator=torch.Generator().manual_seed(0))
    calls = BlockCalls(find_blocks(model))
    hidden = calls.embed(model.base_model, token_ids)
    kept = [call[1].get("attention_mask") for call in calls._calls.values()]
    # A sliding window of 6 in two of three layers: a mask of its own only where windows are longer.
    assert sum(mask is not None for mask in kept) == masked
    expected = model.base_model(token_ids, output_hidden_states=True).hidden_states
    for index in range(2):
        hidden = calls.run(index, hidden)
        torch.testing.assert_close(hidden, expected[index + 1], rtol=0, atol=1e-12)
