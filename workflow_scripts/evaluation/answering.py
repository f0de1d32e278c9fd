"""Ask a model open questions: what it answers, and how likely it finds the gold answers, which tells more of small models.

A question is put without examples, and the answer is the first line with text that the model then writes, the
likeliest token at a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from workflow_scripts.corpora.scripts import blank_between
from workflow_scripts.evaluation.answers import exact_match, f1
from workflow_scripts.evaluation.generation import ends_of, write_greedily
from workflow_scripts.evaluation.likelihood import Continuation, log_likelihoods
from workflow_scripts.evaluation.questions import SLOT, Question
from workflow_scripts.evaluation.schemas.answers import ANSWERS_SCHEMA

PROMPTS = {
    "ar": "السؤال: {question}\nالجواب:",
    "de": "Frage: {question}\nAntwort:",
    "en": "Question: {question}\nAnswer:",
    "es": "Pregunta: {question}\nRespuesta:",
    "ru": "Вопрос: {question}\nОтвет:",
    "sw": "Swali: {question}\nJibu:",
    "zh": "问题：{question}\n回答：",
}
"""Language -> how a question is put; in English words for others."""


@dataclass(frozen=True)
class Asked:
    """A question as tokens: the prompt, and each gold answer after it; the empty answer has none."""

    question: Question
    prompt: tuple[int, ...]
    golds: Mapping[str, Continuation]


def prompt_of(language: str, given: str | None = None) -> str:
    """The prompt of a language, with `{question}` where the question goes: the given one, else that of `PROMPTS`."""
    return given or PROMPTS.get(language.partition("-")[0], PROMPTS["en"])


def ask(question: Question, prompt: str, language: str, tokenizer: PreTrainedTokenizerBase, start: int) -> Asked:
    """Tokenize a question in its prompt, and with each gold answer, after the token `start` that begins a text.

    Tokens may join the prompt's last letters with an answer's first: what prompt and whole text share is context.
    """

    def encode(text: str) -> tuple[int, ...]:
        return (start, *tokenizer(text, add_special_tokens=False).input_ids)

    text = prompt.replace(SLOT, question.question)
    asked, blank = encode(text), blank_between(language)
    wholes = {answer: encode(text + blank + answer) for answer in question.answers if answer}
    golds = {answer: Continuation(whole, _shared(asked, whole)) for answer, whole in wholes.items()}
    return Asked(question, asked, golds)


def longest_text(asked: Sequence[Asked], tokens: int) -> int:
    """Tokens of the longest text that goes through the model: an answer of so many tokens, or a gold one, after its question."""
    return max(
        max(len(each.prompt) + tokens, *(len(gold.token_ids) for gold in each.golds.values()), 0) for each in asked
    )


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many leading tokens two texts share, the last of `other` not among them."""
    longest = min(len(one), len(other) - 1)
    return next((place for place in range(longest) if one[place] != other[place]), longest)


def answer_all(
    model: PreTrainedModel,
    asked: Sequence[Asked],
    tokenizer: PreTrainedTokenizerBase,
    language: str,
    tokens: int,
    batch: int,
    scored_tokens: int,
) -> pa.Table:
    """A row of ANSWERS_SCHEMA a question, in the order given.

    Args:
        model: the model.
        asked: the questions.
        tokenizer: the model's own.
        language: of questions and answers.
        tokens: tokens of an answer at most.
        batch: questions that are answered at a time.
        scored_tokens: tokens of gold answers, and what stands before them, that go through the model at a time.
    """
    written = write_greedily(model, [each.prompt for each in asked], tokens, ends_of(tokenizer), batch)
    texts = [(number, answer, text) for number, each in enumerate(asked) for answer, text in each.golds.items()]
    scores = log_likelihoods(model, [text for _, _, text in texts], scored_tokens)
    found: dict[int, list[tuple[float, str, int]]] = {}
    for (number, answer, text), score in zip(texts, scores, strict=True):
        found.setdefault(number, []).append((score, answer, text.tokens))
    rows = [
        _row(each.question, tokenizer.decode(ids, skip_special_tokens=True), language)
        | _likeliest(found.get(number, []))
        for number, (each, ids) in enumerate(zip(asked, written, strict=True))
    ]
    return pa.Table.from_pylist(rows, schema=ANSWERS_SCHEMA)


def _row(question: Question, written: str, language: str) -> dict[str, object]:
    # Many a model begins with an empty line.
    prediction = written.strip().partition("\n")[0].strip()
    return {
        "item_id": question.item_id,
        "hash": question.hash,
        "type": question.type,
        "question": question.question,
        "prediction": prediction,
        "exact_match": exact_match(prediction, question.answers, language),
        "f1": f1(prediction, question.answers, language),
        "golds": len(question.answers),
    }


def _likeliest(scored: Sequence[tuple[float, str, int]]) -> dict[str, object]:
    score, answer, tokens = max(scored, default=(None, None, None))
    return {"likeliest": answer, "loglikelihood": score, "tokens": tokens}
