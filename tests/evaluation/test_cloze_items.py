"""The embedded cloze items: alignment, balance, and nothing that decides an item before it is read."""

import json
from collections import Counter

import pytest

from workflow_scripts.artifacts.paths import cloze_items, cloze_languages

LANGUAGES = cloze_languages()
PER_CATEGORY = {"place": 60, "nature": 50, "number": 40, "everyday": 50}


def read(language: str) -> list[dict]:
    return [json.loads(line) for line in cloze_items(language).read_text(encoding="utf-8").splitlines()]


def test_the_seven_languages_are_there():
    assert LANGUAGES == ["ar", "de", "en", "es", "ru", "sw", "zh"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_items_are_aligned(language):
    for ours, english in zip(read(language), read("en"), strict=True):
        assert list(ours) == ["item_id", "category", "kind", "prompt", "candidates", "answer"]
        assert all(ours[key] == english[key] for key in ("item_id", "category", "kind", "answer"))
        assert len(ours["candidates"]) == 8


@pytest.mark.parametrize("language", LANGUAGES)
def test_prompts_differ_and_no_candidate_begins_another(language):
    rows = read(language)
    assert len({row["prompt"] for row in rows}) == len(rows)
    for row in rows:
        for text in (row["prompt"], *row["candidates"]):
            assert text == text.strip() and "  " not in text and text
        clashes = [(a, b) for a in row["candidates"] for b in row["candidates"] if a is not b and b.startswith(a)]
        assert clashes == [], row["item_id"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_prompt_holds_its_answer(language):
    for row in read(language):
        assert row["candidates"][row["answer"]].casefold() not in row["prompt"].casefold(), row["item_id"]


def test_categories_take_turns_and_answers_are_balanced():
    rows = read("en")
    assert Counter(row["category"] for row in rows) == PER_CATEGORY
    first = Counter(row["category"] for row in rows[:64])
    assert all(abs(first[category] - 64 * count / 200) < 1 for category, count in PER_CATEGORY.items())
    assert set(Counter(row["answer"] for row in rows).values()) == {25}
    truths = Counter(row["candidates"][row["answer"]] for row in rows)
    assert max(truths.values()) <= 3
