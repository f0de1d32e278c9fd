"""The counter of operations against counts by hand."""

import pytest
import torch
from torch.nn import functional

from benchmarks.op_counter import Layout, OperationCounter, Product, plain_rate
from tests.conftest import SIZES, tiny_model


def counted(run) -> OperationCounter:
    with torch.no_grad(), OperationCounter() as counter:
        run()
    return counter


def test_a_tiny_llama_equals_the_hand_count():
    model, tokens = tiny_model("llama", torch.float32), 12
    hidden, inner, vocabulary = SIZES["hidden_size"], SIZES["intermediate_size"], SIZES["vocab_size"]
    heads, head = SIZES["num_attention_heads"], hidden // SIZES["num_attention_heads"]
    keys = head * SIZES["num_key_value_heads"]
    linears = 2 * hidden * hidden + 2 * hidden * keys + 3 * hidden * inner
    products = 2 * tokens * (SIZES["num_hidden_layers"] * linears + hidden * vocabulary)
    pairs = tokens * (tokens + 1) // 2
    attention = SIZES["num_hidden_layers"] * heads * pairs * 2 * 2 * head
    counter = counted(lambda: model(input_ids=torch.arange(tokens)[None], use_cache=False))
    assert counter.attention == attention
    assert counter.operations == products + attention


@pytest.mark.parametrize(
    ("run", "operations"),
    [
        (lambda: torch.randn(3, 4) @ torch.randn(4, 5), 2 * 3 * 4 * 5),
        (lambda: torch.randn(2, 3, 4) @ torch.randn(2, 4, 5), 2 * 2 * 3 * 4 * 5),
        (lambda: torch.randn(3, 4) @ torch.randn(4), 2 * 3 * 4),
        (lambda: torch.zeros(3, 5).addmm_(torch.randn(3, 4), torch.randn(4, 5)), 2 * 3 * 4 * 5),
        (lambda: torch.addmm(torch.zeros(5), torch.randn(3, 4), torch.randn(4, 5)), 2 * 3 * 4 * 5),
        (lambda: torch.mm(torch.randn(3, 4), torch.randn(4, 5), out=torch.empty(3, 5)), 2 * 3 * 4 * 5),
        (lambda: functional.linear(torch.randn(2, 3, 4), torch.randn(5, 4), torch.randn(5)), 2 * 6 * 4 * 5),
        (lambda: torch.randn(3, 4).exp().sum(), 0),
    ],
)
def test_products_of_all_kinds(run, operations):
    assert counted(run).operations == operations


@pytest.mark.parametrize(("causal", "pairs"), [(True, 21), (False, 36)])
def test_causal_attention_counts_its_triangle(causal, pairs):
    query, key, value = torch.randn(3, 2, 4, 6, 8)
    counter = counted(lambda: functional.scaled_dot_product_attention(query, key, value, is_causal=causal))
    assert counter.operations == 2 * 2 * 4 * pairs * (8 + 8)


def test_attention_with_a_mask_counts_whole():
    query, key, value = torch.randn(3, 2, 4, 6, 8)
    mask = torch.ones(6, 6, dtype=torch.bool).tril()
    counter = counted(lambda: functional.scaled_dot_product_attention(query, key, value, attn_mask=mask))
    assert counter.operations == 2 * 2 * 4 * 36 * (8 + 8)


def test_plain_products_have_the_layout_of_the_executed_ones():
    weight = torch.randn(5, 4)
    counter = counted(lambda: torch.randn(3, 4) @ weight.T)
    assert list(counter.products) == [Product(Layout.of(torch.empty(3, 4)), Layout.of(weight.T))]
    layout = Layout.of(weight.T)
    assert Layout.of(layout.random()) == layout
    assert plain_rate(counter.products) > 0
