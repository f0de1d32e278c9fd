"""Open questions in MKQA's form: a JSON object a line, with questions and gold answers per language.

Of an object are read `example_id`; `queries`, language -> question; `answers`, language -> gold answers, each with its `type`,
`text` (null for none) and, where there are any, `aliases`. MKQA (arXiv 2007.15207) has 10,000 questions in 26 languages.
"""

import codecs
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from workflow_scripts.artifacts.files import read_table
from workflow_scripts.corpora.languages import canonical
from workflow_scripts.corpora.rows import RowsError, beginning, parse_json, unpacked

MKQA_LANGUAGES = (
    "ar", "da", "de", "en", "es", "fi", "fr", "he", "hu", "it", "ja", "km", "ko", "ms", "nl", "no", "pl", "pt", "ru", "sv",
    "th", "tr", "vi", "zh_cn", "zh_hk", "zh_tw",
)  # fmt: skip
SPELLED = {"nb": "no"}
"""Language, as studies spell it -> as MKQA does, where that is another language to `canonical`."""
WITHOUT_ANSWER = ("unanswerable", "long_answer")
"""Types of gold answers that have no short text."""
FIRST = 2**22
"""Bytes that the first question takes at most."""
SLOT = "{question}"
"""Where the question goes in a prompt."""

QUESTIONS_SCHEMA = pa.schema(
    [
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("hash", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("question", pa.string(), nullable=False),
        pa.field("answers", pa.list_(pa.string()), nullable=False),
    ]
)


class QuestionsError(ValueError):
    """Questions that are missing, malformed or without the language asked for."""


@dataclass(frozen=True)
class Question:
    """A question in one language with its gold answers, at least one; the empty answer says that there is none."""

    item_id: str
    type: str
    question: str
    answers: tuple[str, ...]

    @property
    def hash(self) -> str:
        """Digest of the question and its gold answers."""
        shown = json.dumps([self.question, *self.answers], ensure_ascii=False)
        return hashlib.sha256(shown.encode()).hexdigest()[:16]


def spelled(language: str, there: Iterable[str]) -> str | None:
    """A language as the keys in `there` spell it, None where they do not have it."""
    there = list(there)
    spellings = [language, *(name for name in there if canonical(name) == canonical(language)), SPELLED.get(language)]
    return next((name for name in spellings if name in there), None)


def languages_of(path: Path) -> list[str]:
    """The languages of the first question of a file, as the file spells them.

    Raises:
        QuestionsError: the first line is no question, or there is none.
        OSError: the file cannot be read.
    """
    first = next(read_lines(path, first_alone=True), None)
    if first is None:
        raise QuestionsError(f"{path} has no question: give a file in MKQA's form.")
    return sorted(first[1]["queries"])


def read_lines(path: Path, first_alone: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a .jsonl or .jsonl.gz file, each with its place in words; of the first alone only the beginning is read.

    Raises:
        QuestionsError: a line that is no question in MKQA's form, with its number.
    """
    try:
        # Every job looks at the first, of a file of 50 MB.
        content = beginning(path, FIRST) if first_alone else unpacked(path)
        lines = content.removeprefix(codecs.BOM_UTF8).split(b"\n")
        for number, line in enumerate(lines, 1):
            if line.strip():
                row = parse_json(line, place := f"{path}, line {number}")
                check_row(row, place)
                yield place, row
                if first_alone:
                    return
    except RowsError as error:
        raise QuestionsError(str(error)) from error


def check_row(row: Any, place: str) -> None:
    """Raise QuestionsError unless an object has example_id, queries and answers of the right form."""
    missing = [key for key in ("example_id", "queries", "answers") if not isinstance(row, Mapping) or key not in row]
    if missing:
        raise QuestionsError(f"{place} has no {missing[0]}: write example_id, queries and answers, as MKQA does.")
    for key in ("queries", "answers"):
        if not isinstance(row[key], Mapping):
            raise QuestionsError(f"{place} has {key} that are no mapping from language: write them as MKQA does.")


def read_questions(
    rows: Iterable[tuple[str, Mapping[str, Any]]], language: str, items: int, answerable: bool = True
) -> list[Question]:
    """The first `items` questions of a language, in the order of the rows.

    Args:
        rows: objects in MKQA's form, each with its place in words.
        language: as studies spell it.
        items: how many.
        answerable: leave out questions without a short answer. MKQA's own script scores them too: the empty prediction is
            right there.

    Raises:
        QuestionsError: fewer questions in that language, two of one name, or malformed ones.
    """
    found = list(islice(_questions(rows, language, answerable), items))
    if len(found) < items:
        kind = "questions with a short answer" if answerable else "questions"
        raise QuestionsError(
            f"There are {len(found)} {kind} in {language}, fewer than the {items} of evaluation.questions.items: lower it, "
            "or add questions."
        )
    doubled = next((name for name, count in Counter(each.item_id for each in found).items() if count > 1), None)
    if doubled is not None:
        raise QuestionsError(f"Two questions in {language} have the example_id {doubled}: rename one.")
    return found


def _questions(rows: Iterable[tuple[str, Mapping[str, Any]]], language: str, answerable: bool) -> Iterator[Question]:
    for place, row in rows:
        key = spelled(language, row["queries"])
        question = key and row["queries"][key]
        if not question:
            continue
        if not isinstance(question, str):
            raise QuestionsError(f"{place} has a question in {key} that is no text: write it as MKQA does.")
        gold = row["answers"].get(key)
        if not gold or not isinstance(gold, list) or not all(map(_is_gold, gold)):
            raise QuestionsError(f"{place} has no gold answers with a type in {key}: write them as MKQA does.")
        texts = [text for answer in gold for text in (answer.get("text"), *(answer.get("aliases") or ()))]
        if not all(text is None or isinstance(text, str) for text in texts):
            raise QuestionsError(f"{place} has a gold answer in {key} that is no text: write it in quotes.")
        answers = tuple(dict.fromkeys(text.strip() for text in texts if text and text.strip()))
        if answerable and (gold[0]["type"] in WITHOUT_ANSWER or not answers):
            continue
        yield Question(str(row["example_id"]), gold[0]["type"], question, answers or ("",))


def _is_gold(answer: Any) -> bool:
    """Whether an answer has MKQA's form; a text where the list of aliases belongs would be read letter by letter."""
    return (
        isinstance(answer, Mapping)
        and isinstance(answer.get("type"), str)
        and isinstance(answer.get("aliases") or [], list)
    )


def questions_table(questions: Iterable[Question]) -> pa.Table:
    """Questions as a table of QUESTIONS_SCHEMA, in the order given."""
    return pa.Table.from_pylist([{**vars(each), "hash": each.hash} for each in questions], schema=QUESTIONS_SCHEMA)


def read_collected(path: Path) -> list[Question]:
    """The questions of a table of QUESTIONS_SCHEMA."""
    rows = read_table(path).to_pylist()
    return [Question(row["item_id"], row["type"], row["question"], tuple(row["answers"])) for row in rows]
