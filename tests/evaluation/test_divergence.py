"""Divergence from the dense model against distributions written out in full, in float64."""

import pytest
import torch

from tests.conftest import tiny_model
from tests.evaluation.test_perplexity import BOUNDARY, documents
from workflow_scripts.evaluation import head, perplexity
from workflow_scripts.evaluation.chunks import chunk_documents, scored_tokens
from workflow_scripts.evaluation.divergence import score_tokens
from workflow_scripts.evaluation.perplexity import score_documents
from workflow_scripts.evaluation.softmax import RunningSoftmax
from workflow_scripts.evaluation.states import final_states


def pruned(kind: str, share: float = 0.5):
    """The tiny model of that kind with the smallest weights of every block's linears at zero."""
    model = tiny_model(kind)
    for name, parameter in model.base_model.named_parameters():
        if parameter.ndim == 2 and "embed" not in name:
            parameter[parameter.abs() < parameter.abs().quantile(share)] = 0
    return model


def distributions(model, ids: list[int]) -> torch.Tensor:
    """Log-probabilities after every token but the last, from the model's own logits."""
    return model(torch.tensor([ids])).logits[0, :-1].double().log_softmax(-1)


def test_divergence_and_agreement_are_those_of_the_whole_distributions(kind):
    dense, variant, texts = tiny_model(kind), pruned(kind), documents(5, 23, 12)
    chunks = chunk_documents(texts, BOUNDARY, 12)
    [table] = score_documents(dense, chunks, texts, final_states(dense, chunks, 3), [final_states(variant, chunks, 2)])
    expected = dict.fromkeys(["d0", "d1", "d2"], (0.0, 0))
    for chunk in chunks:
        p, q = distributions(dense, chunk.token_ids), distributions(variant, chunk.token_ids)
        divergence, agreement = expected[chunk.doc_id]
        divergence += (p.exp() * (p - q)).sum().item()
        agreement += int((p.argmax(-1) == q.argmax(-1)).sum())
        expected[chunk.doc_id] = divergence, agreement
    rows = {row["doc_id"]: row for row in table.to_pylist()}
    assert {name: row["agreement"] for name, row in rows.items()} == {name: n for name, (_, n) in expected.items()}
    for name, (divergence, _) in expected.items():
        assert divergence > 0
        assert rows[name]["divergence"] == pytest.approx(divergence, rel=1e-4)


def test_the_dense_model_does_not_diverge_from_itself(kind):
    model, texts = tiny_model(kind), documents(9, 30)
    chunks = chunk_documents(texts, BOUNDARY, 16)
    states = final_states(model, chunks, 4)
    [scores] = score_tokens(model, torch.tensor(scored_tokens(chunks)), states, [states.clone()])
    assert scores.divergence.abs().max() == 0
    assert scores.agreement.all()


def test_variants_together_are_scored_as_each_alone_whatever_the_slices(monkeypatch):
    dense, variants, texts = tiny_model("gemma3"), [pruned("gemma3", share) for share in (0.3, 0.6)], documents(9, 30)
    chunks = chunk_documents(texts, BOUNDARY, 16)
    states = final_states(dense, chunks, 4)
    observed = [final_states(variant, chunks, 4) for variant in variants]
    alone = [score_documents(dense, chunks, texts, states, [one])[0] for one in observed]
    monkeypatch.setattr(head, "COLUMNS", 25)
    monkeypatch.setattr(head, "ROWS", 7)
    together = score_documents(dense, chunks, texts, states, observed)
    for one, other in zip(alone, together, strict=True):
        for column in ("nats", "divergence"):
            assert other[column].to_pylist() == pytest.approx(one[column].to_pylist(), rel=1e-5)
        assert other["agreement"] == one["agreement"]


def test_variants_that_wait_for_their_logits_take_no_more_memory_than_allowed(monkeypatch):
    dense, texts = tiny_model("llama"), documents(9, 30)
    chunks = chunk_documents(texts, BOUNDARY, 16)
    states = final_states(dense, chunks, 4)
    observed = [final_states(pruned("llama", share), chunks, 4) for share in (0.2, 0.4, 0.6)]
    expected = score_documents(dense, chunks, texts, states, observed)
    taken = []

    def variants():
        for number, one in enumerate(observed):
            taken.append(number)
            yield one

    monkeypatch.setattr(perplexity, "HELD", 2 * states.nbytes)
    tables = perplexity.score_in_turn(dense, chunks, texts, states, variants())
    # As soon as two have been seen their tables are there, before the third is looked at.
    first = next(tables)
    assert taken == [0, 1]
    assert [first, *tables] == expected


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_parts_of_the_vocabulary_are_taken_wherever_a_head_gives_them(kind, dtype, monkeypatch):
    monkeypatch.setattr(head, "COLUMNS", 25)
    model = tiny_model(kind, dtype)
    weight = model.get_output_embeddings().weight
    parts, size = head.vocabulary_parts(model)
    assert [(part.start, part.stop) for part in parts] == [(0, 25), (25, 50), (50, 75), (75, 96)] and size == head.ROWS
    assert model.get_output_embeddings().weight is weight


def normalise(logits):
    return logits - logits.logsumexp(-1, keepdim=True)


def forbid_a_token(logits):
    logits[..., 70] = -1e4
    return logits


@pytest.mark.parametrize("change", [normalise, forbid_a_token])
def test_a_head_whose_parts_are_not_its_own_is_taken_whole(change, monkeypatch):
    model, variant, texts = tiny_model("llama"), pruned("llama"), documents(9, 30)
    chunks = chunk_documents(texts, BOUNDARY, 16)
    states, other = final_states(model, chunks, 4), final_states(variant, chunks, 4)

    def changed(module, arguments, output):
        output.logits = change(output.logits.clone())
        return output

    model.register_forward_hook(changed)
    [expected] = score_documents(model, chunks, texts, states, [other])
    monkeypatch.setattr(head, "COLUMNS", 25)
    monkeypatch.setattr(head, "LOGITS", 96 * 7)
    assert head.vocabulary_parts(model) == ([head.WHOLE], 7)
    [found] = score_documents(model, chunks, texts, states, [other])
    for column in ("nats", "divergence"):
        assert found[column].to_pylist() == pytest.approx(expected[column].to_pylist(), rel=1e-5)


def test_a_part_that_a_model_rules_out_counts_nothing():
    logits = torch.tensor([[-torch.inf, -torch.inf, 1.0, 2.0]])
    softmax = RunningSoftmax(1, torch.device("cpu"))
    for first in (0, 2):
        softmax.add(logits[:, first : first + 2], first)
    assert softmax.partition.item() == pytest.approx(logits.logsumexp(-1).item())
    assert softmax.likeliest.item() == 3


def test_states_stand_in_the_order_of_the_chunks_whatever_the_batch():
    model = tiny_model("llama")
    chunks = chunk_documents(documents(3, 30, 8, 1), BOUNDARY, 12)
    one, several = (final_states(model, chunks, batch) for batch in (1, 4))
    assert one.shape == (3 + 30 + 8 + 1, 32)
    torch.testing.assert_close(one, several)
