"""Experts of a mixture against the same model whose experts are real `nn.Linear`s."""

import logging
import math

import pyarrow as pa
import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from tests.conftest import MIXTURES, save_checkpoint, save_record, tiny_model
from tests.pruning import reference
from tests.pruning.test_engine import calibration, prune, put, windows
from workflow_scripts.artifacts.files import make_provenance, read_table, write_table
from workflow_scripts.masks.store import MaskStore
from workflow_scripts.models.blocks import UnsupportedArchitecture, find_blocks, find_linears, iterate_linears
from workflow_scripts.models.checkpoint import load_model
from workflow_scripts.models.experts import ExpertLinear
from workflow_scripts.models.streaming import StreamedModel
from workflow_scripts.models.variant import apply_variant
from workflow_scripts.pruning.engine import Calibration
from workflow_scripts.pruning.hooks import InputListener
from workflow_scripts.pruning.memory import estimate_needs
from workflow_scripts.pruning.methods.loading import get_method
from workflow_scripts.pruning.patterns import parse_pattern
from workflow_scripts.steps.prune_model import Parameters, prune_model


class RealExperts(nn.ModuleList):
    """Experts made of `nn.Linear`s, named as polyprune names them."""

    def __init__(self, stacked):
        super().__init__()
        for both, down in zip(stacked.gate_up_proj, stacked.down_proj, strict=True):
            gate, up = both.chunk(2)
            named = {"gate_proj": gate, "up_proj": up, "down_proj": down}
            self.append(nn.ModuleDict({name: self._linear(weight) for name, weight in named.items()}))

    @staticmethod
    def _linear(weight):
        linear = nn.Linear(*weight.T.shape, bias=False, dtype=weight.dtype).requires_grad_(False)
        linear.weight.copy_(weight)
        return linear

    def forward(self, hidden, chosen, shares):
        output = torch.zeros_like(hidden)
        for number in range(chosen.max() + 1):
            tokens, place = torch.where(chosen == number)
            if len(tokens):
                expert, inputs = self[number], hidden[tokens]
                inner = nn.functional.silu(expert["gate_proj"](inputs)) * expert["up_proj"](inputs)
                output[tokens] += expert["down_proj"](inner) * shares[tokens, place, None]
        return output


def with_real_experts(model):
    for block in find_blocks(model):
        if hasattr(block.mlp, "experts"):
            block.mlp.experts = RealExperts(block.mlp.experts)
    return model


def real_linears(block):
    named = {name: module for name, module in block.named_modules() if isinstance(module, nn.Linear)}
    return {name: module for name, module in named.items() if not name.endswith("shared_expert_gate")}


def naive_prune(model, token_ids, method, pattern):
    """As `reference.prune`, for a model with real experts; the windows of an expert without tokens are empty."""
    outcome = {}
    for index, block in enumerate(find_blocks(model)):
        linears = real_linears(block)
        inputs = {name: [] for name in linears}
        seen = {}
        handles = [
            linear.register_forward_pre_hook(
                lambda _, args, name=name, seen=seen: seen.update({name: args[0].flatten(0, -2)})
            )
            for name, linear in linears.items()
        ]
        for window in token_ids:
            seen.clear()
            model(input_ids=window[None], use_cache=False)
            for name, linear in linears.items():
                inputs[name].append(seen.get(name, torch.zeros(0, linear.in_features, dtype=torch.float64)))
        for handle in handles:
            handle.remove()
        for name, linear in linears.items():
            used = method if any(map(len, inputs[name])) else "magnitude"
            outcome[index, name] = reference.METHODS[used](linear.weight.data, inputs[name], pattern)
        for name, linear in linears.items():
            linear.weight.data = outcome[index, name][1]
    return outcome


def starve(model):
    """No token is sent to the last of five experts: of two pairs of opposite scores two are always above its 0."""
    for block in find_blocks(model):
        if hasattr(block.mlp, "experts"):
            scores = block.mlp.gate.weight
            scores[1], scores[3] = -scores[0], -scores[2]
            scores[4] = 0
    return model


def assert_equal(results, expected, model, method):
    assert [(result.block, result.module) for result in results] == list(expected)
    inside = {(block, module): linear.weight for block, module, linear in iterate_linears(put(model, results))}
    for result in results:
        mask, weight = expected[result.block, result.module]
        assert torch.equal(result.mask, mask), (result.block, result.module)
        torch.testing.assert_close(inside[result.block, result.module], weight, rtol=0, atol=1e-9)
        assert (result.kept is not None) == get_method(method).changes_weights


@pytest.mark.parametrize("pattern", ["0.5", "2:4"])
@pytest.mark.parametrize("method", ["magnitude", "wanda", "sparsegpt"])
@pytest.mark.parametrize("kind", sorted(MIXTURES))
def test_experts_are_pruned_as_real_linears(kind, method, pattern, tmp_path):
    ours = tiny_model(kind)
    results = prune(ours, method, pattern, calibration(windows()), tmp_path)
    naive = with_real_experts(load_model(tmp_path / "checkpoint", torch.float64, "cpu"))
    assert_equal(results, naive_prune(naive, windows(), method, parse_pattern(pattern)), ours, method)
    assert {result.diagnostics.criterion for result in results} == {method}
    # The pruned models agree as wholes; the quicker implementation of experts knows no float64.
    ours.config._experts_implementation = "eager"
    torch.testing.assert_close(ours(windows()).logits, naive(windows()).logits, rtol=0, atol=1e-8)


@pytest.mark.parametrize("method", ["wanda", "sparsegpt"])
def test_experts_without_tokens_are_pruned_by_magnitude_and_that_is_said(method, tmp_path, caplog):
    ours = starve(tiny_model("qwen3_moe"))
    with caplog.at_level(logging.WARNING):
        results = prune(ours, method, "0.5", calibration(windows()), tmp_path)
    naive = with_real_experts(load_model(tmp_path / "checkpoint", torch.float64, "cpu"))
    assert_equal(results, naive_prune(naive, windows(), method, parse_pattern("0.5")), ours, method)
    starved = {f"mlp.experts.4.{part}_proj" for part in ("gate", "up", "down")}
    for result in results:
        alone = result.module in starved
        found = result.diagnostics
        assert found.criterion == ("magnitude" if alone else method)
        assert math.isnan(found.local_error) == alone and (found.sample_tokens == 0) == alone
        assert found.sparsity == pytest.approx(0.5, abs=0.05)
    said = [record.getMessage() for record in caplog.records if "no token" in record.getMessage()]
    # Block 1 is no mixture.
    assert said == [
        f"block {block}: no token of the calibration reaches mlp.experts.4: pruned by magnitude" for block in (0, 2)
    ]


def test_weights_of_windows_count_as_copies_of_windows():
    token_ids = windows(4)
    copies = token_ids[[0, 0, 0, 1, 2, 2, 3, 3]]
    weighted = Calibration(token_ids, torch.tensor([3.0, 1, 2, 2]), 3)
    for method in ("wanda", "sparsegpt"):
        expected = prune(tiny_model("mixtral"), method, "0.5", calibration(copies, 3))
        results = prune(tiny_model("mixtral"), method, "0.5", weighted)
        assert all(torch.equal(a.mask, b.mask) for a, b in zip(results, expected, strict=True))


@pytest.mark.parametrize(
    ("weights", "batch", "ends"),
    [([1, 1, 1, 1, 1], 2, [2, 4, 5]), ([3, 1, 1, 1, 2], 2, [1, 3, 4, 5]), ([2, 2, 2, 1, 2], 8, [3, 4, 5])],
)
def test_batches_of_one_weight(weights, batch, ends):
    given = Calibration(windows(), torch.tensor(weights, dtype=torch.float64), batch, one_weight=True)
    assert [part.stop for part in given.batches()] == ends
    assert [part.start for part in given.batches()] == [0, *ends[:-1]]
    assert given.sample().windows <= ends[0]


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_batches_do_not_matter_in_float64(batch):
    one = prune(tiny_model("mixtral"), "sparsegpt", "0.5", calibration(windows(), 2))
    other = prune(tiny_model("mixtral"), "sparsegpt", "0.5", calibration(windows(), batch))
    assert all(torch.equal(a.mask, b.mask) for a, b in zip(one, other, strict=True))


def test_errors_of_experts_are_those_of_their_own_tokens(tmp_path):
    model = tiny_model("mixtral")
    results = {r.module: r for r in prune(model, "wanda", "0.5", calibration(windows(), 5), tmp_path) if r.block == 0}
    naive = with_real_experts(load_model(tmp_path / "checkpoint", torch.float64, "cpu"))
    # Before the experts of the first block only its attention is pruned.
    block, seen = find_blocks(naive)[0], {}
    for name, linear in real_linears(block).items():
        linear.register_forward_pre_hook(lambda _, args, name=name: seen.update({name: args[0]}))
    naive(windows())
    for name, linear in real_linears(block).items():
        found = results[name].diagnostics
        assert math.isnan(found.path_error) == (".experts." in name)
        if ".experts." in name:
            weight = linear.weight * results[name].mask
            dense, pruned = seen[name] @ linear.weight.T, seen[name] @ weight.T
            error = ((dense - pruned).square().sum() / dense.square().sum()).item()
            assert found.local_error == pytest.approx(error, rel=1e-6)
            assert found.sample_tokens == len(seen[name])


@pytest.mark.parametrize("method", ["wanda", "sparsegpt"])
@pytest.mark.parametrize("kind", ["mixtral", "qwen3_moe"])
def test_a_variant_is_put_into_a_loaded_model(kind, method, tmp_path):
    record = save_record(save_checkpoint(tmp_path / "tiny", kind))
    table = pa.table({"token_ids": windows().tolist(), "weight": [2.0, 1, 1, 1, 1]})
    given = tmp_path / "windows.parquet"
    write_table(given, table, make_provenance("sample_calibration", {}, "", {"model": record}))
    weights = tmp_path / "weights.safetensors" if method == "sparsegpt" else None
    masks, layers = tmp_path / "masks.parquet", tmp_path / "layers.parquet"
    prune_model(
        model=record,
        masks=masks,
        layers=layers,
        parameters=Parameters(method, "0.5", batch=2, device="cpu"),
        windows=given,
        weights=weights,
        progress=tmp_path / "progress",
    )
    dense = load_model(record.parent, torch.float32, "cpu")
    model = load_model(record.parent, torch.float32, "cpu")
    stored = MaskStore(masks)
    for _ in range(2):
        apply_variant(model, record, masks, weights)
        for (block, module, linear), (_, _, before) in zip(iterate_linears(model), iterate_linears(dense), strict=True):
            mask = torch.from_numpy(stored.read(block, module))
            assert not linear.weight[~mask].any()
            if method == "wanda":
                assert torch.equal(linear.weight, before.weight * mask)
    rows = read_table(layers).to_pylist()
    assert len(rows) == len(stored.linears) == sum(1 for _ in iterate_linears(model))
    assert all(row["criterion"] == method or math.isnan(row["local_error"]) for row in rows)
    logits = model(windows()).logits
    torch.testing.assert_close(logits, with_real_experts(model)(windows()).logits, rtol=1e-4, atol=1e-4)


def test_linears_of_experts_are_views():
    model = tiny_model("qwen2_moe")
    block = find_blocks(model)[0]
    linears = find_linears(block)
    names = [name for name, linear in linears.items() if isinstance(linear, ExpertLinear)]
    assert names[:4] == [f"mlp.experts.{name}" for name in ("0.gate_proj", "0.up_proj", "0.down_proj", "1.gate_proj")]
    assert "mlp.shared_expert.up_proj" in linears
    assert not {"mlp.gate", "mlp.shared_expert_gate"} & linears.keys()
    up = linears["mlp.experts.3.up_proj"]
    assert up.weight.shape == (up.out_features, up.in_features) == (24, 32)
    up.weight.zero_()
    assert not block.mlp.experts.gate_up_proj[3, 24:].any() and block.mlp.experts.gate_up_proj[3, :24].all()
    inputs = torch.randn(7, 32, dtype=torch.float64)
    gate = linears["mlp.experts.3.gate_proj"]
    assert torch.equal(gate(inputs), inputs @ block.mlp.experts.gate_up_proj[3, :24].T)


def small(kind, **changes):
    sizes = {"vocab_size": 96, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2}
    config = AutoConfig.for_model(kind, **sizes, num_attention_heads=4, num_key_value_heads=2, **changes)
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


@pytest.mark.parametrize(
    ("kind", "changes", "sentence"),
    [
        ("gpt_oss", {"num_local_experts": 4, "head_dim": 8}, "GptOssDecoderLayer holds the weight .* in a GptOss"),
        ("afmoe", {"num_experts": 4, "num_dense_layers": 1}, "AfmoeDecoderLayer has mlp.experts without a router"),
    ],
)
def test_other_experts_are_refused_by_name(kind, changes, sentence):
    model = small(kind, **changes)
    with pytest.raises(UnsupportedArchitecture, match=sentence):
        list(iterate_linears(model))


def test_experts_that_are_not_called_as_linears_are_refused():
    block = find_blocks(tiny_model("mixtral"))[0]
    linears = find_linears(block)
    listener = InputListener(linears, "gram")
    block.mlp.experts.forward = lambda hidden, chosen, shares: hidden
    with listener.batch(0, torch.ones(1)):
        block.mlp(torch.randn(1, 5, 32, dtype=torch.float64))
    for name, linear in linears.items():
        if not isinstance(linear, ExpertLinear):
            listener._leader[name] = name
    with pytest.raises(UnsupportedArchitecture, match=r"mlp.experts.0.gate_proj is not used"):
        listener.unreached()


def test_statistics_of_experts_are_counted(tmp_path):
    tiny_model("mixtral").save_pretrained(tmp_path)
    model = StreamedModel.of(tmp_path, torch.float32)
    needs = estimate_needs(model, 0, "gram")
    assert needs.statistics >= 5 * (32**2 + 48**2) * 4
    assert estimate_needs(model, 0, None).statistics == 0
