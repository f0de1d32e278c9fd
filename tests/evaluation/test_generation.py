"""Greedy writing and log-likelihoods: against whole forward passes, and the same in whatever company."""

import pytest
import torch

from tests.conftest import tiny_model, tiny_tokenizer
from workflow_scripts.evaluation import head
from workflow_scripts.evaluation.generation import ends_of, greedy, write_greedily
from workflow_scripts.evaluation.likelihood import Continuation, log_likelihoods

PROMPTS = [[1, 9, 8, 7, 30], [1, 5], [1, 6, 40, 41, 42, 43, 44, 20], [1, 30, 31], [1, 5, 6, 7, 8]]


def naive(model, prompt: list[int], tokens: int) -> list[int]:
    whole = list(prompt)
    for _ in range(tokens):
        whole.append(model(torch.tensor([whole])).logits[0, -1].argmax().item())
    return whole[len(prompt) :]


def _until(text: list[int], ends: set[int]) -> list[int]:
    """The text up to its first token in `ends`, that token included."""
    return text[: next((place + 1 for place, token in enumerate(text) if token in ends), len(text))]


def test_texts_are_those_of_whole_forward_passes_whatever_stands_beside_them(kind):
    model = tiny_model(kind, torch.float32)
    free = [naive(model, prompt, 6) for prompt in PROMPTS]
    # A token that ends one text early, and another one at once.
    ends = {free[0][3], free[1][0]}
    wanted = [_until(text, ends) for text in free]
    assert [len(text) for text in wanted] != [6] * len(PROMPTS)
    assert write_greedily(model, PROMPTS, 6, set(), 4) == free
    for batch in (1, 4, 16):
        assert write_greedily(model, PROMPTS, 6, ends, batch) == wanted


def test_no_token_is_chosen_from_what_is_no_number():
    assert greedy(torch.tensor([[0.0, 2.0, 1.0], [3.0, 2.0, -torch.inf]])).tolist() == [1, 0]
    with pytest.raises(ArithmeticError, match="not a number"):
        greedy(torch.tensor([[0.0, torch.nan]]))


def test_a_text_ends_at_any_special_token():
    assert ends_of(tiny_tokenizer()) == {0, 1, 2, 3}


@pytest.mark.parametrize("tokens", [1, 12, 500])
def test_log_likelihoods_are_those_of_whole_forward_passes(kind, tokens, monkeypatch):
    monkeypatch.setattr(head, "COLUMNS", 25)
    monkeypatch.setattr(head, "ROWS", 2)
    model = tiny_model(kind)
    texts = [Continuation(tuple(prompt), start) for prompt, start in zip(PROMPTS, (3, 1, 7, 2, 1), strict=True)]
    wanted = []
    for text in texts:
        log_p = model(torch.tensor([text.token_ids])).logits[0].float().log_softmax(-1)
        wanted.append(sum(log_p[at - 1, text.token_ids[at]].item() for at in range(text.start, len(text.token_ids))))
    assert log_likelihoods(model, texts, tokens) == pytest.approx(wanted, rel=1e-5)
    assert [text.tokens for text in texts] == [2, 1, 1, 1, 4]
    model.get_output_embeddings().weight[:] = torch.nan
    with pytest.raises(ArithmeticError, match="log-likelihood is not finite"):
        log_likelihoods(model, texts, tokens)
