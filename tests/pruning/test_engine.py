"""The engine against naive references: all methods, patterns and kinds of models."""

import math
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    SiglipVisionConfig,
    T5Config,
    T5ForConditionalGeneration,
)

from tests.conftest import SIZES, tiny_model
from tests.pruning import reference
from workflow_scripts.models.blocks import UnsupportedArchitecture, find_blocks, find_linears, iterate_linears
from workflow_scripts.models.checkpoint import load_model
from workflow_scripts.models.kept import scatter_kept
from workflow_scripts.models.streaming import StreamedModel
from workflow_scripts.pruning.engine import Calibration, Setting, prune_sequentially, prune_without_calibration
from workflow_scripts.pruning.methods.loading import get_method
from workflow_scripts.pruning.patterns import parse_pattern
from workflow_scripts.pruning.progress import Progress
from workflow_scripts.pruning.statistics import NumericFailure


def windows(count: int = 5, length: int = 12) -> torch.Tensor:
    return torch.randint(4, 96, (count, length), generator=torch.Generator().manual_seed(1))


def calibration(token_ids: torch.Tensor, batch: int = 2) -> Calibration:
    return Calibration(token_ids, torch.ones(len(token_ids), dtype=torch.float64), batch)


def prune(model, method, pattern, given, folder=None, memory=None):
    """Results of the engine for a model in memory, by way of a checkpoint directory."""
    with TemporaryDirectory() as temporary:
        folder = folder or Path(temporary)
        model.save_pretrained(folder / "checkpoint")
        streamed = StreamedModel.of(folder / "checkpoint", model.dtype)
        setting = Setting(get_method(method), parse_pattern(pattern), "cpu", memory)
        progress = Progress(folder / "progress", {}, len(streamed.blocks), sequential=method != "magnitude")
        if method == "magnitude":
            prune_without_calibration(streamed, setting, progress)
        else:
            prune_sequentially(streamed, given, setting, progress)
        assert all(parameter.is_meta for parameter in streamed.blocks.parameters())
        return list(progress.results())


def run(model, method, pattern, token_ids, batch=2):
    return prune(model, method, pattern, calibration(token_ids, batch))


def put(model, results):
    """Put the results into the model."""
    linears = {(block, module): linear for block, module, linear in iterate_linears(model)}
    for result in results:
        weight = linears[result.block, result.module].weight
        weight.copy_(weight * result.mask if result.kept is None else scatter_kept(result.mask, result.kept))
    return model


@pytest.mark.parametrize("pattern", ["0.5", "0.3", "2:4"])
@pytest.mark.parametrize("method", ["magnitude", "wanda", "sparsegpt"])
def test_masks_and_weights_equal_the_naive_reference(kind, method, pattern, tmp_path):
    ours = tiny_model(kind)
    results = prune(ours, method, pattern, calibration(windows()), tmp_path)
    # As loaded, for what is not stored (the scale of an embedding) has the precision of the dtype it is loaded in.
    naive = load_model(tmp_path / "checkpoint", torch.float64, "cpu")
    expected = reference.prune(naive, windows(), method, parse_pattern(pattern))
    assert [(result.block, result.module) for result in results] == list(expected)
    inside = {(block, module): linear.weight for block, module, linear in iterate_linears(put(ours, results))}
    for result in results:
        mask, weight = expected[result.block, result.module]
        assert torch.equal(result.mask, mask), (result.block, result.module)
        torch.testing.assert_close(inside[result.block, result.module], weight, rtol=0, atol=1e-9)
        assert (result.kept is not None) == get_method(method).changes_weights


def test_more_inputs_than_a_column_block_and_a_dead_input():
    weights = [torch.randn(rows, 300, dtype=torch.float64) for rows in (7, 20)]
    inputs = torch.randn(4, 200, 300, dtype=torch.float64)
    inputs[:, :, [3, 130]] = 0
    method, pattern = get_method("sparsegpt"), parse_pattern("0.5")
    from workflow_scripts.pruning.statistics import Statistics

    statistics = Statistics("gram", 300, torch.float64, torch.device("cpu"))
    statistics.update(inputs, torch.ones(4))
    for weight, ours in zip(weights, method.prune(weights, statistics, pattern), strict=True):
        mask, expected = reference.sparsegpt(weight, inputs, pattern)
        assert torch.equal(ours.mask, mask)
        torch.testing.assert_close(ours.weight, expected, rtol=0, atol=1e-9)
        assert not ours.weight[:, [3, 130]].any()


@pytest.mark.parametrize("batch", [1, 3, 5, 8])
def test_batches_do_not_matter_in_float64(batch):
    one = run(tiny_model("gemma3"), "sparsegpt", "0.5", windows(), 2)
    other = run(tiny_model("gemma3"), "sparsegpt", "0.5", windows(), batch)
    assert all(torch.equal(a.mask, b.mask) for a, b in zip(one, other, strict=True))


def test_weights_of_windows_count_as_copies_of_windows():
    token_ids = windows(3)
    copies = token_ids[[0, 0, 0, 1, 2]]
    weighted = Calibration(token_ids, torch.tensor([3.0, 1, 1]), 2)
    for method in ("wanda", "sparsegpt"):
        expected = run(tiny_model("llama"), method, "0.5", copies)
        results = prune(tiny_model("llama"), method, "0.5", weighted)
        if method == "wanda":
            assert all(torch.equal(a.mask, b.mask) for a, b in zip(results, expected, strict=True))
        else:
            # H is divided by the number of windows, which scales all but the 1 of dead inputs: same masks.
            assert all(torch.equal(a.mask, b.mask) for a, b in zip(results, expected, strict=True))


def test_the_model_holds_the_variant_and_runs():
    model = tiny_model("llama", torch.float32)
    results = run(model, "wanda", "2:4", windows())
    assert all(result.diagnostics.sparsity == 0.5 for result in results)
    put(model, results)
    for _, _, linear in iterate_linears(model):
        assert (linear.weight.reshape(-1, 4) != 0).sum(1).max() <= 2
    assert torch.isfinite(model(windows()).logits).all()


def test_diagnostics_are_what_they_say():
    dense, model = (Qwen2ForCausalLM(Qwen2Config(**SIZES)).double().eval() for _ in range(2))
    for network in (dense, model):
        torch.manual_seed(0)
        for parameter in network.parameters():
            parameter.data.normal_()
            parameter.requires_grad_(False)
    results = {(r.block, r.module): r for r in run(model, "wanda", "0.5", windows(), batch=5)}
    put(model, results.values())

    def inputs_and_outputs(network, block, module):
        seen = {}
        linear = find_linears(find_blocks(network)[block])[module]
        handle = linear.register_forward_hook(lambda _, args, output: seen.update(x=args[0], y=output))
        network(windows())
        handle.remove()
        return seen["x"], seen["y"]

    for (block, module), result in results.items():
        _, expected = inputs_and_outputs(dense, block, module)
        _, found = inputs_and_outputs(model, block, module)
        error = ((expected - found).square().sum() / expected.square().sum()).item()
        assert result.diagnostics.path_error == pytest.approx(error, rel=1e-6)
    # The first linears of both models see the same input, so that both errors agree, biases included.
    first = results[0, "self_attn.q_proj"].diagnostics
    assert first.local_error == pytest.approx(first.path_error, rel=1e-6)
    assert first.signal_to_noise == pytest.approx(-10 * math.log10(first.local_error))
    assert first.sample_tokens == 60


def test_non_finite_activations_are_refused_by_name():
    model = tiny_model("llama", torch.float32)
    find_linears(find_blocks(model)[1])["mlp.up_proj"].weight[0, 0] = math.inf
    with pytest.raises(NumericFailure, match=r"block 1, mlp.down_proj"):
        run(model, "wanda", "0.5", windows())


def test_a_singular_gram_matrix_is_damped_in_recorded_steps():
    from workflow_scripts.pruning.sparsegpt import factorise

    gram = torch.full((40, 40), 1e8)
    gram += torch.diag(torch.linspace(-3e6, 0, 40))
    upper, _, damping = factorise(gram, 1)
    assert damping > 0.01 and torch.isfinite(upper).all()
    with pytest.raises(NumericFailure, match="cannot be factorised"):
        factorise(torch.diag(torch.tensor([1.0, -1e6])), 1)


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (lambda: GPT2LMHeadModel(GPT2Config(n_layer=2, n_embd=32, n_head=2, vocab_size=96)), "Conv1D"),
        (
            lambda: T5ForConditionalGeneration(
                T5Config(d_model=32, d_kv=8, d_ff=32, num_layers=2, num_heads=2, vocab_size=96)
            ),
            "encoder",
        ),
        (
            lambda: Gemma3ForConditionalGeneration(
                Gemma3Config(
                    text_config=Gemma3TextConfig(**SIZES, head_dim=8).to_dict(),
                    vision_config=SiglipVisionConfig(
                        hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2
                    ).to_dict(),
                )
            ),
            "multimodal",
        ),
    ],
)
def test_unsupported_architectures_are_named(model, named):
    with pytest.raises(UnsupportedArchitecture, match=named):
        list(iterate_linears(model()))
