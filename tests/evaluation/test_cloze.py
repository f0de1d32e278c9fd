"""Cloze items: against a naive computation, statement by statement, and what a reader can be given."""

import json

import pytest
import torch

from tests.conftest import tiny_model, tiny_tokenizer
from workflow_scripts.artifacts.files import write_table
from workflow_scripts.evaluation import head
from workflow_scripts.evaluation.cloze import score_items
from workflow_scripts.evaluation.cloze_items import (
    ClozeItem,
    EncodedItem,
    encode_item,
    items_table,
    read_encoded,
    read_items,
)

TOKENIZER = tiny_tokenizer()
ITEMS = [
    ClozeItem("a", "place", "abc d", ("e", "fg", "fgh", "ij", "kl", "m", "no", "p"), 2),
    ClozeItem("b", "number", "zyx", ("a", "b", "c", "d", "e", "f", "g", "h"), 7),
    ClozeItem("c", "nature", "q r s t", ("uuu", "uuv", "vuu", "vvv", "w", "x", "yyyyy", "z"), 0),
]


def naive(model, item: ClozeItem) -> list[float]:
    scores = []
    for candidate in item.candidates:
        prompt = TOKENIZER(item.prompt).input_ids
        whole = TOKENIZER(f"{item.prompt} {candidate}").input_ids
        log_p = model(torch.tensor([whole])).logits[0].float().log_softmax(-1)
        # The blank after the prompt is a token here, and the same for all candidates.
        scores.append(sum(log_p[at - 1, whole[at]].item() for at in range(len(prompt) + 1, len(whole))))
    return scores


@pytest.mark.parametrize("tokens", [1, 25, 500])
def test_scores_are_those_of_whole_forward_passes(kind, tokens, monkeypatch):
    monkeypatch.setattr(head, "COLUMNS", 25)
    monkeypatch.setattr(head, "ROWS", 2)
    model = tiny_model(kind)
    encoded = [encode_item(item, "en", TOKENIZER, 1) for item in ITEMS]
    rows = score_items(model, encoded, tokens).to_pylist()
    for item, row in zip(ITEMS, rows, strict=True):
        scores = naive(model, item)
        assert row["loglikelihoods"] == pytest.approx(scores, rel=1e-5)
        others = [score for place, score in enumerate(scores) if place != item.answer]
        assert row["margin"] == pytest.approx(scores[item.answer] - max(others), rel=1e-4, abs=1e-5)
        assert row["correct"] == (scores[item.answer] > max(others))
        assert (row["item_id"], row["hash"], row["tokens"]) == (
            item.item_id,
            item.hash,
            [len(c) for c in item.candidates],
        )


def test_what_all_statements_share_is_context_even_where_tokens_join_prompt_and_candidate():
    def tokenizer(text, add_special_tokens):
        assert not add_special_tokens
        return type("Encoding", (), {"input_ids": {"甲乙": [5, 6], "甲丙": [9]}.get(text, [5, 7])})

    item = ClozeItem("x", "place", "甲", ("乙", "丙", *"丁戊己庚辛壬"), 0)
    encoded = encode_item(item, "zh", tokenizer, 1)
    assert encoded.shared == 1
    assert encoded.statements[1] == (1, 9)


def test_a_tie_is_no_answer_and_a_score_that_is_not_finite_an_error():
    model = tiny_model("llama")
    statements = ((1, 5, 6), (1, 5, 6), (1, 5, 6), (1, 5, 7), *[(1, 5, 6)] * 4)
    item = EncodedItem("b", "0", "number", 7, statements, 2)
    [row] = score_items(model, [item], 4).to_pylist()
    assert row["margin"] <= 0 and not row["correct"]
    model.lm_head.weight[7] = float("nan")
    with pytest.raises(ArithmeticError, match="log-likelihood of b is not finite"):
        score_items(model, [item], 4)


def test_fewer_items_than_asked_are_an_error_and_the_hash_tells_items_apart(tmp_path):
    row = {"item_id": "a", "category": "place", "prompt": "p", "candidates": ["x", "y"], "answer": 1}
    (tmp_path / "en.jsonl").write_text(json.dumps(row) + "\n")
    [item] = read_items(tmp_path / "en.jsonl")
    encoded = encode_item(item, "en", TOKENIZER, 1)
    write_table(tmp_path / "en.parquet", items_table([encoded]), {})
    assert read_encoded(tmp_path / "en.parquet", 1) == [encoded]
    with pytest.raises(ValueError, match=r"en\.parquet has 1 cloze items, fewer than the 2"):
        read_encoded(tmp_path / "en.parquet", 2)
    assert item.hash != ClozeItem("a", "place", "p", ("x", "y"), 0).hash
