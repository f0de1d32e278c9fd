"""Controls on a tiny model: what they take away from a language, and what they keep."""

import shutil
from collections import Counter
from dataclasses import replace
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tqdm import tqdm
from transformers import GenerationConfig

from tests.conftest import save_checkpoint, tiny_tokenizer
from workflow_scripts.controls import KINDS, Compute, Original, generated, get_control
from workflow_scripts.controls.shuffled import shuffle_words
from workflow_scripts.corpora.document import Document
from workflow_scripts.corpora.tokens import TokenizedDocument
from workflow_scripts.evaluation.generation import continuations
from workflow_scripts.models.checkpoint import load_model

TEXTS = {"one": "abc de fgh. ab", "two": "xyz w, vu tsr qpo nm", "three": "ab ab ab ab ab ab ab ab ab"}


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = save_checkpoint(tmp_path_factory.mktemp("model") / "tiny")
    tokenizer = tiny_tokenizer()
    documents = [Document(name, text, register="prose") for name, text in TEXTS.items()]
    tokens = [
        TokenizedDocument(d.doc_id, "calibration", "list" if d.doc_id == "three" else "prose",
                          tokenizer(d.text, add_special_tokens=False).input_ids, len(d.text), len(d.text))
        for d in documents
    ]  # fmt: skip
    return Original(folder, tokenizer, 1, documents, tokens, Compute(device="cpu"))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "register"])
def test_documents_keep_their_number_names_and_lengths_and_are_the_same_each_time(original, kind):
    made = get_control(kind).make(original, None)
    assert [d.doc_id for d in made] == list(TEXTS)
    assert [len(d.token_ids) for d in made] == [len(d.token_ids) for d in original.tokens]
    assert [d.token_ids for d in made] != [d.token_ids for d in original.tokens]
    assert get_control(kind).make(original, None) == made
    special = set(original.tokenizer.added_tokens_decoder)
    assert not special & {token for d in made for token in d.token_ids}


def test_random_tokens_come_from_the_whole_vocabulary(original):
    made = get_control("random").make(original, None)
    assert len({token for d in made for token in d.token_ids}) > 20


def test_a_register_is_kept_alone_and_an_unknown_one_is_named(original):
    assert [d.doc_id for d in get_control("register").make(original, "prose")] == ["one", "two"]
    with pytest.raises(ValueError, match="register 'verse': there is list, prose"):
        get_control("register").make(original, "verse")


@given(st.text(st.sampled_from("ab 世界。，เก"), max_size=30), st.text(max_size=3))
def test_shuffling_keeps_every_letter(text, key):
    shuffled = shuffle_words(text, key)
    assert Counter(shuffled.replace(" ", "")) == Counter(text.replace(" ", ""))


def test_words_move_whole_and_characters_of_unspaced_scripts_one_by_one():
    words = shuffle_words("the quick brown fox jumps", "x")
    assert words != "the quick brown fox jumps" and sorted(words.split()) == ["brown", "fox", "jumps", "quick", "the"]
    assert " " not in shuffle_words("河水在春天上涨。", "x")
    assert shuffle_words("河水在春天上涨。", "x") != "河水在春天上涨。"


def test_tokens_are_drawn_by_their_probability_and_barred_ones_never():
    logits = torch.tensor([0.0, 1.0, 2.0, 3.0]).repeat(20_000, 1)
    drawn = generated.sampled(logits, torch.tensor([2]), torch.Generator().manual_seed(0))
    expected = torch.tensor([0.0, 1.0, -torch.inf, 3.0]).softmax(0)
    assert torch.allclose(torch.bincount(drawn, minlength=4) / len(drawn), expected, atol=0.01)


def test_rare_tokens_of_a_large_vocabulary_keep_their_share():
    logits = torch.zeros(16, 2**18)
    logits[:, 0] = 17.7646  # leaves half a percent to all others, 2e-8 to each
    randomness, nothing = torch.Generator().manual_seed(0), torch.tensor([], dtype=torch.long)
    drawn = torch.cat([generated.sampled(logits, nothing, randomness) for _ in range(60)])
    assert 1 <= (drawn > 0).sum() <= 15


def test_continuations_are_what_whole_forward_passes_would_write(tmp_path, kind):
    model = load_model(save_checkpoint(tmp_path / kind, kind), torch.float32, "cpu")
    openings, barred = torch.tensor([[1, 5, 6], [1, 7, 8]]), torch.tensor([0, 1])
    choose = partial(generated.sampled, barred=barred, randomness=torch.Generator().manual_seed(3))
    ours = continuations(model, openings.tolist(), [9, 4], choose, tqdm(disable=True))
    randomness, whole = torch.Generator().manual_seed(3), openings
    for _ in range(9):
        drawn = generated.sampled(model(whole).logits[:, -1], barred, randomness)
        whole = torch.cat([whole, drawn[:, None]], dim=1)
    assert ours == [whole[0, 3:].tolist(), whole[1, 3:7].tolist()]


def test_habits_of_generation_that_a_checkpoint_brings_along_do_not_count(original, tmp_path):
    folder = shutil.copytree(original.directory, tmp_path / "penalised")
    GenerationConfig(
        do_sample=True, repetition_penalty=5.0, min_p=0.5, eos_token_id=list(range(2, 90))
    ).save_pretrained(folder)
    assert generated.make(replace(original, directory=folder), None) == generated.make(original, None)


def test_generated_text_stops_at_a_limit(original, monkeypatch):
    monkeypatch.setattr(generated, "LONGEST", 3)
    assert [len(d.token_ids) for d in generated.make(original, None)] == [3, 3, 3]


def test_an_unknown_control_is_named():
    with pytest.raises(ValueError, match="no control 'reversed': there is generated, random"):
        get_control("reversed")
