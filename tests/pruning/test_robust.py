"""Numbers that break naive code: the kernels raise, name what is wrong, record it, or do what is written here."""

import math

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.conftest import CONFIGS, tiny_model
from tests.pruning import reference
from workflow_scripts.models.blocks import UnsupportedArchitecture, find_blocks, find_linears
from workflow_scripts.models.streaming import StreamedModel
from workflow_scripts.pruning.methods.loading import PrunedLinear, get_method
from workflow_scripts.pruning.patterns import parse_pattern
from workflow_scripts.pruning.statistics import NumericFailure, Statistics

CALIBRATED = ["wanda", "sparsegpt"]
DOUBLE = torch.float64


def collect(method: str, inputs: torch.Tensor, weights: torch.Tensor | None = None) -> Statistics:
    statistics = Statistics(get_method(method).statistics, inputs.shape[-1], inputs.dtype, inputs.device)
    statistics.update(inputs, torch.ones(len(inputs)) if weights is None else weights)
    statistics.check("block 3, mlp.down_proj")
    return statistics


def prune(method: str, weight: torch.Tensor, inputs: torch.Tensor, pattern: str = "0.5") -> PrunedLinear:
    [outcome] = get_method(method).prune([weight], collect(method, inputs), parse_pattern(pattern))
    return outcome


def assert_equals_reference(method: str, weight: torch.Tensor, inputs: torch.Tensor, pattern: str = "0.5") -> None:
    outcome = prune(method, weight, inputs, pattern)
    mask, expected = reference.METHODS[method](weight, inputs, parse_pattern(pattern))
    assert torch.equal(outcome.mask, mask)
    if outcome.weight is not None:
        torch.testing.assert_close(outcome.weight, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", CALIBRATED)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("at", [0, 299])
def test_inputs_that_are_not_finite_are_named(method, value, at):
    inputs = torch.randn(2, 5, 300)
    inputs[1, 3, at] = value
    with pytest.raises(NumericFailure, match="block 3, mlp.down_proj"):
        collect(method, inputs)


@pytest.mark.parametrize("method", CALIBRATED)
def test_sums_that_overflow_are_named(method):
    with pytest.raises(NumericFailure, match="block 3, mlp.down_proj"):
        collect(method, torch.full((1, 2, 8), 1e20))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_refused(value):
    weight = torch.randn(4, 40)
    weight[1, 5] = value
    with pytest.raises(NumericFailure, match="weight is not finite"):
        prune("sparsegpt", weight, torch.randn(2, 50, 40))


@pytest.mark.parametrize("method", ["magnitude", *CALIBRATED])
@pytest.mark.parametrize("features", [1, 3, 127, 129, 300])
@pytest.mark.parametrize("rows", [1, 9])
def test_odd_shapes(method, features, rows):
    weight = torch.randn(rows, features, dtype=DOUBLE)
    inputs = torch.randn(3, 2 * features, features, dtype=DOUBLE)
    if method == "magnitude":
        [outcome] = get_method(method).prune([weight], None, parse_pattern("0.5"))
        assert torch.equal(outcome.mask, reference.magnitude(weight, inputs, parse_pattern("0.5"))[0])
    else:
        assert_equals_reference(method, weight, inputs)


@pytest.mark.parametrize("method", CALIBRATED)
@pytest.mark.parametrize("pattern", ["0.5", "2:4"])
def test_dead_inputs(method, pattern):
    inputs = torch.randn(3, 400, 256, dtype=DOUBLE)
    inputs[:, :, [0, 7, 128, 255]] = 0
    assert_equals_reference(method, torch.randn(6, 256, dtype=DOUBLE), inputs, pattern)


@pytest.mark.parametrize("pattern", ["0.5", "2:4"])
def test_when_all_inputs_are_dead_every_weight_is_zero(pattern):
    """As published: the column of a dead input is zero, kept or not; unstructured, all are equal and all go."""
    outcome = prune("sparsegpt", torch.randn(6, 64), torch.zeros(2, 5, 64), pattern)
    assert not outcome.weight.any() and outcome.damping == 0.01
    assert outcome.mask.float().mean() == (0.5 if pattern == "2:4" else 0)


def test_when_all_inputs_are_dead_wanda_drops_the_lower_columns():
    outcome = prune("wanda", torch.randn(6, 64), torch.zeros(2, 5, 64))
    assert not outcome.mask[:, :32].any() and outcome.mask[:, 32:].all()


@pytest.mark.parametrize("method", CALIBRATED)
@pytest.mark.parametrize("pattern", ["0.5", "2:4"])
def test_weights_of_zero(method, pattern):
    assert_equals_reference(method, torch.zeros(4, 64, dtype=DOUBLE), torch.randn(2, 90, 64, dtype=DOUBLE), pattern)


@pytest.mark.parametrize("inputs", [torch.ones(2, 300, 200), torch.ones(1, 1, 200)])
def test_constant_inputs_are_damped_and_the_damping_is_recorded(inputs):
    weight = torch.randn(5, 200, dtype=DOUBLE)
    outcome = prune("sparsegpt", weight, inputs.double())
    assert outcome.damping == 0.01
    single = prune("sparsegpt", weight.float(), inputs)
    assert single.damping in (0.01, 0.1) and torch.isfinite(single.weight).all()


@pytest.mark.parametrize("windows", [1, 2])
def test_fewer_tokens_than_inputs(windows):
    assert_equals_reference("sparsegpt", torch.randn(5, 300, dtype=DOUBLE), torch.randn(windows, 20, 300, dtype=DOUBLE))


def test_a_raised_damping_is_recorded():
    statistics = collect("sparsegpt", torch.randn(1, 80, 40))
    statistics.total.diagonal().sub_(0.05 * statistics.total.diagonal().mean() + 200)
    try:
        [outcome] = get_method("sparsegpt").prune([torch.randn(4, 40)], statistics, parse_pattern("0.5"))
    except NumericFailure as error:
        assert "cannot be factorised" in str(error)
    else:
        assert outcome.damping > 0.01


def test_a_matrix_that_no_damping_helps_is_refused():
    statistics = collect("sparsegpt", torch.randn(1, 80, 40))
    statistics.total.diagonal().neg_()
    with pytest.raises(NumericFailure, match="cannot be factorised"):
        get_method("sparsegpt").prune([torch.randn(4, 40)], statistics, parse_pattern("0.5"))


@pytest.mark.parametrize("scale", [1e-15, 1e-3, 1e10, 1e15])
@pytest.mark.parametrize("method", CALIBRATED)
def test_the_scale_of_the_inputs_changes_no_mask(method, scale):
    """In float32, from squares of 1e-30 to 1e30; a power of two near the scale, so that rounding is the same."""
    generator = torch.Generator().manual_seed(0)
    weight, inputs = torch.randn(9, 140, generator=generator), torch.randn(2, 200, 140, generator=generator)
    factor = 2.0 ** round(math.log2(scale))
    expected, found = prune(method, weight, inputs), prune(method, weight, inputs * factor)
    assert torch.equal(found.mask, expected.mask)
    if method == "sparsegpt":
        torch.testing.assert_close(found.weight, expected.weight, rtol=1e-4, atol=1e-6)


def test_inputs_whose_squares_vanish_are_dead_inputs():
    """1e-25 squared is 0 in float32: SparseGPT then zeroes everything, which the recorded sparsity of 1 shows."""
    outcome = prune("sparsegpt", torch.randn(4, 32), torch.full((1, 4, 32), 1e-25))
    assert not outcome.mask.any() and not outcome.weight.any()


def test_weights_whose_squares_vanish_are_equal():
    """As published, saliency is the square: at 1e-25 all are 0, equal, and go; Wanda does not square weights."""
    weight, inputs = torch.randn(4, 32) * 1e-25, torch.randn(1, 99, 32)
    assert not prune("sparsegpt", weight, inputs).mask.any()
    assert prune("wanda", weight, inputs).mask.sum(1).tolist() == [16] * 4


@pytest.mark.parametrize("method", CALIBRATED)
def test_windows_of_weight_zero_count_as_dead_inputs(method):
    statistics = collect(method, torch.randn(3, 9, 16), torch.zeros(3))
    assert not statistics.total.any() and statistics.windows == 3
    [outcome] = get_method(method).prune([torch.randn(4, 16)], statistics, parse_pattern("0.5"))
    assert outcome.mask.sum().item() == (32 if method == "wanda" else 0)


def test_weights_that_two_blocks_share_are_refused_by_name():
    model = tiny_model("llama")
    model.model.layers[2].mlp.up_proj.weight = model.model.layers[0].mlp.up_proj.weight
    with pytest.raises(UnsupportedArchitecture, match=r"shares the weight mlp.up_proj.weight of block 2 with block 0"):
        find_blocks(model)


def test_linears_of_a_block_that_share_a_weight_are_refused_by_name():
    model = tiny_model("llama")
    mlp = model.model.layers[1].mlp
    mlp.up_proj.weight = mlp.gate_proj.weight
    with pytest.raises(UnsupportedArchitecture, match="uses the weight of mlp.up_proj twice"):
        find_linears(find_blocks(model)[1])


@pytest.mark.parametrize("tied", [True, False])
def test_an_embedding_tied_to_the_head_stays_as_it_is(tied, tmp_path):
    config = CONFIGS["llama"]()
    config.tie_word_embeddings = tied
    model = AutoModelForCausalLM.from_config(config).eval().requires_grad_(False)
    model.save_pretrained(tmp_path)
    streamed = StreamedModel.of(tmp_path, torch.float32)
    token_ids = torch.tensor([[5, 9, 5, 70]])
    with streamed.embedding(token_ids) as base:
        rows = streamed.model.get_input_embeddings()(token_ids)
        assert base is streamed.model.base_model and len(streamed.model.get_input_embeddings().weight) == 3
    assert torch.equal(rows, model.get_input_embeddings()(token_ids))
    assert streamed.model.lm_head.weight.is_meta and streamed.model.get_input_embeddings().weight.is_meta
