"""Perplexity against whole forward passes, one document at a time."""

import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM

from tests.conftest import SIZES, tiny_model
from workflow_scripts.corpora.tokens import Boundary, TokenizedDocument
from workflow_scripts.evaluation import head
from workflow_scripts.evaluation.chunks import PROTOCOLS, chunk_documents, chunk_published
from workflow_scripts.evaluation.perplexity import score_documents
from workflow_scripts.evaluation.states import final_states
from workflow_scripts.models.blocks import UnsupportedArchitecture

BOUNDARY = Boundary(bos=1, eos=2, blank_line=(33, 33))


def documents(*sizes: int) -> list[TokenizedDocument]:
    generator = torch.Generator().manual_seed(3)
    return [
        TokenizedDocument(
            f"d{n}", "evaluation", None, torch.randint(4, 96, (size,), generator=generator).tolist(), 2 * size, size
        )
        for n, size in enumerate(sizes)
    ]


def score(model, texts, length, batch, protocol="document"):
    """The table of the dense model itself."""
    chunks = PROTOCOLS[protocol](texts, BOUNDARY, length)
    states = final_states(model, chunks, batch)
    [table] = score_documents(model, chunks, texts, states, [states])
    return table


def naive(model, ids: list[int]) -> float:
    """Nats of all tokens but the first, from the model's own logits."""
    logits = model(torch.tensor([ids])).logits[0, :-1].double()
    return -logits.log_softmax(-1)[range(len(ids) - 1), ids[1:]].sum().item()


def test_every_text_token_is_scored_once_with_bos_in_every_window(kind):
    model = tiny_model(kind)
    texts = documents(5, 23, 12, 1, 11)
    table = score(model, texts, length=12, batch=3)
    assert table["doc_id"].to_pylist() == ["d0", "d1", "d2", "d3", "d4"]
    assert table["tokens"].to_pylist() == [5, 23, 12, 1, 11]
    assert table["bytes"].to_pylist() == [10, 46, 24, 2, 22]
    for document, nats in zip(texts, table["nats"].to_pylist(), strict=True):
        runs = [document.token_ids[at : at + 11] for at in range(0, len(document.token_ids), 11)]
        assert nats == pytest.approx(sum(naive(model, [1, *run]) for run in runs), rel=1e-6)


def test_slices_of_logits_and_batches_change_nothing(kind, monkeypatch):
    model, texts = tiny_model(kind), documents(9, 30, 4)
    whole = score(model, texts, 16, 8)["nats"].to_pylist()
    monkeypatch.setattr(head, "COLUMNS", 25)
    monkeypatch.setattr(head, "ROWS", 3)
    sliced = score(model, texts, 16, 2)["nats"].to_pylist()
    assert sliced == pytest.approx(whole, rel=1e-6)


def test_models_without_bos_begin_with_eos():
    [chunk] = chunk_documents(documents(3), Boundary(None, 2, ()), 8)
    assert chunk.token_ids[0] == 2
    with pytest.raises(ValueError, match="neither BOS nor EOS"):
        chunk_documents(documents(3), Boundary(None, None, ()), 8)


def test_the_published_protocol_joins_documents_and_drops_the_tail():
    texts = documents(5, 6)
    chunks = chunk_published(texts, BOUNDARY, 4)
    assert [chunk.doc_id for chunk in chunks] == ["window-00000", "window-00001", "window-00002"]
    joined = [1, *texts[0].token_ids, 33, 33, *texts[1].token_ids]
    assert [token for chunk in chunks for token in chunk.token_ids] == joined[:12]
    table = score(tiny_model("llama"), texts, 4, 2, "published")
    assert table["tokens"].to_pylist() == [3, 3, 3]
    with pytest.raises(ValueError, match="fewer than one window of 64"):
        chunk_published(texts, BOUNDARY, 64)


def test_a_loss_that_is_not_finite_is_an_error():
    model = tiny_model("llama")
    model.lm_head.weight[7] = float("nan")
    with pytest.raises(ArithmeticError, match="loss of document d0 is nan"):
        score(model, documents(5), 8, 1)


def test_the_head_of_every_supported_kind_is_known_and_another_is_refused(kind):
    head.refuse_unsupported_model(tiny_model(kind))
    with pytest.raises(UnsupportedArchitecture, match="OwnHead computes its logits"):
        head.refuse_unsupported_model(OwnHead(LlamaConfig(**SIZES)).eval())


class OwnHead(LlamaForCausalLM):
    """A head that looks at the tokens of the text."""

    def forward(self, input_ids=None, **kwargs):
        output = super().forward(input_ids=input_ids, **kwargs)
        output.logits = output.logits + input_ids[..., None]
        return output


def test_a_model_that_sees_what_it_is_to_predict_is_refused():
    config = Gemma3TextConfig(**SIZES, head_dim=8, use_bidirectional_attention=True)
    with pytest.raises(UnsupportedArchitecture, match="sees the tokens that it is to predict"):
        head.refuse_unsupported_model(AutoModelForCausalLM.from_config(config).eval())


def test_logits_that_overflow_are_an_error_that_names_the_remedy():
    model = tiny_model("llama")
    model.model.norm.weight.fill_(1e308)
    with pytest.raises(ArithmeticError, match="are not finite: use compute.dtype float32"):
        head.refuse_unsupported_model(model)
