"""Batches side by side: the same bits as one after the other, and an error ends all of them."""

import time

import pytest
import torch

from tests.conftest import tiny_model
from tests.pruning.test_engine import calibration, prune, windows
from workflow_scripts.models.blocks import find_blocks, find_linears
from workflow_scripts.pruning import engine, parallel
from workflow_scripts.pruning.parallel import Turns, side_by_side
from workflow_scripts.pruning.statistics import NumericFailure

CPU = torch.device("cpu")


@pytest.fixture(params=[2, 3, 6])
def threads(request):
    """As many threads for torch."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    assert torch.get_num_threads() == request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("method", ["wanda", "sparsegpt"])
def test_masks_and_weights_are_those_of_one_thread(threads, method, tmp_path):
    found = prune(tiny_model("gemma3"), method, "0.5", calibration(windows(9), 1), tmp_path)
    torch.set_num_threads(1)
    expected = prune(tiny_model("gemma3"), method, "0.5", calibration(windows(9), 1))
    torch.set_num_threads(threads)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one.mask, other.mask)
        assert one.kept is None or torch.allclose(one.kept, other.kept, rtol=0, atol=1e-9)


def test_large_batches_go_one_by_one_with_the_same_masks(threads, monkeypatch):
    given = calibration(windows(6), 1)
    expected = prune(tiny_model("gemma3", torch.float32), "wanda", "0.5", given)
    monkeypatch.setattr(engine, "LARGE", 0)
    monkeypatch.setattr(parallel, "ThreadPoolExecutor", None)
    found = prune(tiny_model("gemma3", torch.float32), "wanda", "0.5", given)
    assert all(torch.equal(one.mask, other.mask) for one, other in zip(found, expected, strict=True))


def test_turns_are_taken_in_the_order_of_the_numbers(threads):
    order, turns = [], Turns()

    def work(number: int) -> None:
        time.sleep(0.002 * (number % 3 == 0))
        with turns.turn("sum", number):
            order.append(number)

    side_by_side(work, range(12), CPU, turns)
    assert order == list(range(12))


def test_a_batch_that_fails_ends_all_with_its_own_error(threads):
    turns = Turns()

    def work(number: int) -> None:
        if number == 1:
            raise NumericFailure("of batch 1")
        with turns.turn("sum", number):
            pass

    with pytest.raises(NumericFailure, match="of batch 1"):
        side_by_side(work, range(8), CPU, turns)


def test_a_block_that_fails_in_a_thread_says_so(threads):
    model = tiny_model("llama", torch.float32)
    find_linears(find_blocks(model)[1])["mlp.up_proj"].weight[0, 0] = torch.inf
    with pytest.raises(NumericFailure, match=r"block 1, mlp.down_proj"):
        prune(model, "wanda", "0.5", calibration(windows(6), 1))
