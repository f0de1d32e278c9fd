"""The embedded corpus itself: alignment, splits, registers, script, lengths, duplicates, and room for three seeds."""

import json
import re
from collections import Counter

import pytest

from workflow_scripts.corpora.sources.embedded import DATA, Options, languages

LANGUAGES = languages(Options())
# Letters that the texts of a language may use.
SCRIPTS = {
    "ar": r"\u0621-\u064a\u064b-\u0652،؛؟«»",
    "de": r"A-Za-zÄÖÜäöüßé",
    "en": r"A-Za-zÖäöü",
    "es": r"A-Za-zÁÉÍÑÓÖÚáäéíñóöúü«»¿¡",
    "ru": r"А-Яа-яЁё«»",
    "sw": r"A-Za-zÖäöü",
    "zh": r"\u4e00-\u9fff，。！？：；、《》（）·",
}
# What a native writer does not transcribe.
FOREIGN = {"ar": "A-Z", "ru": "A-Z", "zh": "A-Z"}
# Words in a document; characters in Chinese.
SIZES = {
    "ar": (60, 120),
    "de": (76, 120),
    "en": (85, 118),
    "es": (90, 150),
    "ru": (60, 110),
    "sw": (66, 120),
    "zh": (140, 240),
}
UNSPACED = {"zh"}


def read(language: str) -> list[dict]:
    return [json.loads(line) for line in (DATA / f"{language}.jsonl").read_text(encoding="utf-8").splitlines()]


def size(text: str, language: str) -> int:
    return len(text) if language in UNSPACED else len(text.split())


def test_the_seven_languages_are_there():
    assert LANGUAGES == ["ar", "de", "en", "es", "ru", "sw", "zh"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_documents_are_aligned_sentence_by_sentence(language):
    keys = ("doc_id", "split", "register", "topic", "origin")
    for ours, english in zip(read(language), read("en"), strict=True):
        assert [ours[key] for key in keys] == [english[key] for key in keys]
        assert len(ours["sentences"]) == len(english["sentences"]), ours["doc_id"]
        assert 6 <= len(ours["sentences"]) <= 9


def test_splits_registers_origins_and_topics():
    rows = read("en")
    assert Counter(row["split"] for row in rows) == {"calibration": 64, "evaluation": 32}
    of_split = {split: [row for row in rows if row["split"] == split] for split in ("calibration", "evaluation")}
    assert {row["register"] for row in of_split["calibration"]} == {"narrative", "exposition", "instruction"}
    assert Counter(row["register"] for row in of_split["evaluation"]) == dict.fromkeys(
        ("narrative", "exposition", "instruction", "dialogue"), 8
    )
    assert Counter(row["origin"] for row in rows) == {"de": 34, "en": 31, "sw": 31}
    assert len({row["topic"] for row in rows}) == 96
    # A study that evaluates on the first 12 documents sees every register equally often.
    assert set(Counter(row["register"] for row in of_split["evaluation"][:12]).values()) == {3}


@pytest.mark.parametrize("language", LANGUAGES)
def test_script_length_and_form(language):
    low, high = SIZES[language]
    blank = "" if language in UNSPACED else " "
    allowed = re.compile(rf"[{SCRIPTS[language]}{FOREIGN.get(language, '')}0-9{blank}.,;:!?%–—()“”„‘’'…°/-]+")
    for row in read(language):
        assert low <= sum(size(sentence, language) for sentence in row["sentences"]) <= high, row["doc_id"]
        for sentence in row["sentences"]:
            assert allowed.fullmatch(sentence), (
                row["doc_id"],
                set(sentence) - set(allowed.findall(sentence)),
                sentence,
            )
            assert sentence == sentence.strip() and "  " not in sentence
            assert sentence[-1] in ".!?…”“’»。！？؟", sentence


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_and_no_beginning_stands_twice(language):
    sentences = Counter(sentence for row in read(language) for sentence in row["sentences"])
    assert [sentence for sentence, count in sentences.items() if count > 1] == []
    beginnings = Counter(
        row["sentences"][0][:6] if language in UNSPACED else " ".join(row["sentences"][0].split()[:4])
        for row in read(language)
    )
    assert [beginning for beginning, count in beginnings.items() if count > 1] == []


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_no_sentence_was_left_in_english(language):
    english = {sentence for row in read("en") for sentence in row["sentences"]}
    assert not english & {sentence for row in read(language) for sentence in row["sentences"]}
