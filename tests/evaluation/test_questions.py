"""Questions in MKQA's form: what is read, what is left out, what is refused with its line; and how they are put."""

import gzip
import json

import pyarrow as pa
import pytest
import torch

from tests.conftest import tiny_model, tiny_tokenizer
from workflow_scripts.evaluation.answering import PROMPTS, answer_all, ask, prompt_of
from workflow_scripts.evaluation.hub_questions import rows_of_hub
from workflow_scripts.evaluation.questions import (
    MKQA_LANGUAGES,
    Question,
    QuestionsError,
    languages_of,
    read_lines,
    read_questions,
    spelled,
)


def row(number, kind="entity", text="Paris", aliases=(), languages=("en", "de")):
    answer = {"type": kind, "entity": "Q90", "text": text} | ({"aliases": list(aliases)} if aliases else {})
    return {
        "example_id": number,
        "query": f"where {number}",
        "queries": {language: f"{language} {number}" for language in languages},
        "answers": {language: [answer] for language in languages},
    }


ROWS = [
    row(-5, aliases=["City of Light", "Paris", " "]),
    row(6, "long_answer", None),
    row(7, "unanswerable", None),
    row(8, "date", "1989", languages=("en",)),
    row(9, "number", " 7 "),
]


def write(path, rows):
    text = "".join(json.dumps(each) + "\n" for each in rows)
    (gzip.open if path.suffix == ".gz" else open)(path, "wt").write(text)
    return path


@pytest.mark.parametrize("name", ["q.jsonl", "q.jsonl.gz"])
def test_answerable_questions_are_read_in_their_order_with_all_gold_answers(tmp_path, name):
    path = tmp_path / name
    content = "".join(json.dumps(each) + "\n" for each in ROWS).encode() + b"\n"
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert languages_of(path) == ["de", "en"]
    found = read_questions(read_lines(path), "de", 2)
    assert [each.item_id for each in found] == ["-5", "9"]
    assert found[0] == Question("-5", "entity", "de -5", ("Paris", "City of Light"))
    assert found[1].answers == ("7",)
    assert len({each.hash for each in found}) == 2
    every = read_questions(read_lines(path), "en", 5, answerable=False)
    assert [each.answers for each in every] == [("Paris", "City of Light"), ("",), ("",), ("1989",), ("7",)]
    with pytest.raises(QuestionsError, match="There are 2 questions with a short answer in de, fewer than the 3"):
        read_questions(read_lines(path), "de", 3)


def test_languages_are_spelled_as_the_questions_do():
    assert spelled("zh", MKQA_LANGUAGES) == "zh_cn" and spelled("zh-Hant", MKQA_LANGUAGES) == "zh_tw"
    assert spelled("zh", ["zh", "zh_cn"]) == "zh" and spelled("zh-HK", MKQA_LANGUAGES) == "zh_hk"
    assert spelled("nb", MKQA_LANGUAGES) == "no"
    assert spelled("sw", ["en", "swh_Latn"]) == "swh_Latn" and spelled("pt", ["pt_PT", "pt_BR"]) == "pt_BR"
    assert spelled("sw", MKQA_LANGUAGES) is None
    rows = [("here", row(1, languages=("zh_cn",)))]
    assert read_questions(rows, "zh", 1)[0].question == "zh_cn 1"
    with pytest.raises(QuestionsError, match="There are 0 questions with a short answer in sw"):
        read_questions(rows, "sw", 1)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b'{"example_id": 1', "line 2 is not JSON"),
        (b"\xff\xfe", "line 2 is not UTF-8"),
        (b"[1]", "line 2 has no example_id"),
        (b'{"example_id": 1, "queries": {}}', "line 2 has no answers"),
        (b'{"example_id": 1, "queries": [], "answers": {}}', "line 2 has queries that are no mapping"),
        (b'{"example_id": 1, "queries": {"en": "q"}, "answers": {}}', "line 2 has no gold answers with a type in en"),
        (
            b'{"example_id": 1, "queries": {"en": "q"}, "answers": {"en": ["a"]}}',
            "line 2 has no gold answers with a type in en",
        ),
        (b'{"example_id": 1, "queries": {"en": 3}, "answers": {"en": []}}', "line 2 has a question in en that is no"),
        (json.dumps(row(-5)).encode(), "Two questions in en have the example_id -5"),
    ],
)
def test_a_line_that_is_no_question_is_refused_with_its_number(tmp_path, line, sentence):
    path = tmp_path / "q.jsonl"
    path.write_bytes(json.dumps(ROWS[0]).encode() + b"\n" + line + b"\n")
    with pytest.raises(QuestionsError, match=sentence):
        read_questions(read_lines(path), "en", 2)


def test_a_file_that_is_no_gzip_and_an_empty_one_are_refused(tmp_path):
    (tmp_path / "q.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(QuestionsError, match="no whole gzip file"):
        languages_of(tmp_path / "q.jsonl.gz")
    (tmp_path / "q.jsonl").write_bytes(b"\n")
    with pytest.raises(QuestionsError, match="has no question"):
        languages_of(tmp_path / "q.jsonl")


def test_the_hub_stores_types_as_numbers(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    kinds = datasets.ClassLabel(names=["entity", "long_answer", "unanswerable", "date", "number"])
    text = datasets.Value("string")
    answer = [{"type": kinds, "entity": text, "text": text, "aliases": [text]}]
    languages = ["en", "de"]
    features = datasets.Features(
        {
            "example_id": text,
            "queries": {language: text for language in languages},
            "query": text,
            "answers": {language: answer for language in languages},
        }
    )
    rows = [{**each, "example_id": str(each["example_id"])} for each in ROWS if len(each["queries"]) == 2]
    for each in rows:
        for answers in each["answers"].values():
            answers[0].setdefault("aliases", [])
    folder = tmp_path / "mkqa"
    folder.mkdir()
    datasets.Dataset.from_list(rows, features=features).to_parquet(folder / "train.parquet")
    found = read_questions(rows_of_hub(str(folder), None), "de", 2)
    assert [(each.item_id, each.type) for each in found] == [("-5", "entity"), ("9", "number")]
    with pytest.raises(QuestionsError, match="'nobody/nothing', revision 'main', cannot be read"):
        list(rows_of_hub("nobody/nothing", "main"))


def test_a_question_is_put_in_its_own_language_and_gold_answers_are_scored_after_it():
    assert prompt_of("de") == PROMPTS["de"] and prompt_of("zh-Hant") == PROMPTS["zh"]
    assert prompt_of("yo") == PROMPTS["en"]
    assert prompt_of("de", "{question}?") == "{question}?"
    tokenizer = tiny_tokenizer()
    asked = ask(Question("1", "entity", "a {b}", ("cd", "")), "{question}?", "en", tokenizer, 1)
    assert asked.prompt == (1, *tokenizer("a {b}?", add_special_tokens=False).input_ids)
    # The empty answer has no tokens; a blank comes before the others.
    assert list(asked.golds) == ["cd"]
    assert asked.golds["cd"].start == len(asked.prompt) and asked.golds["cd"].tokens == 3
    [chinese] = ask(Question("1", "entity", "ab", ("cd",)), "{question}", "zh", tokenizer, 1).golds.values()
    assert chinese.tokens == 2


def test_tokens_that_join_prompt_and_answer_are_scored_as_a_whole():
    def tokenizer(text, add_special_tokens):
        ids = {"q:": [5, 6], "q: a": [5, 7, 8], "q: ": [5, 6]}[text]
        return type("Encoding", (), {"input_ids": ids})

    [gold] = ask(Question("1", "entity", "q", ("a",)), "{question}:", "en", tokenizer, 1).golds.values()
    assert (gold.start, gold.tokens) == (2, 2)


def test_the_first_line_with_text_is_the_answer_and_the_likeliest_gold_answer_counts(monkeypatch):
    model, tokenizer = tiny_model("llama", torch.float32), tiny_tokenizer()
    questions = [Question("1", "entity", "abc", ("de", "f")), Question("2", "unanswerable", "abcd", ("",))]
    asked = [ask(each, "{question}", "en", tokenizer, 1) for each in questions]
    written = {"1": "\n \na DE.\nf", "2": "\n"}

    def write(model, prompts, tokens, ends, batch):
        return [tokenizer(written[each.question.item_id], add_special_tokens=False).input_ids for each in asked]

    monkeypatch.setattr("workflow_scripts.evaluation.answering.write_greedily", write)
    monkeypatch.setattr(type(tokenizer), "decode", lambda self, ids, **_: _text(ids))
    table = answer_all(model, asked, tokenizer, "en", 4, 2, 100)
    first, second = table.to_pylist()
    log_p = {
        answer: sum(
            model(torch.tensor([gold.token_ids])).logits[0].float().log_softmax(-1)[at - 1, gold.token_ids[at]].item()
            for at in range(gold.start, len(gold.token_ids))
        )
        for answer, gold in asked[0].golds.items()
    }
    best = max(log_p, key=log_p.get)
    assert (first["likeliest"], first["tokens"]) == (best, len(best) + 1)
    assert first["loglikelihood"] == pytest.approx(log_p[best], rel=1e-4)
    assert (first["prediction"], first["exact_match"], first["f1"], first["golds"]) == ("a DE.", 1.0, 1.0, 2)
    assert (second["prediction"], second["exact_match"], second["f1"]) == ("", 1.0, 1.0)
    assert second["likeliest"] is second["loglikelihood"] is second["tokens"] is None
    assert isinstance(table, pa.Table)


def _text(ids):
    names = {number: token for token, number in tiny_tokenizer().get_vocab().items()}
    return "".join(names[number] for number in ids)
