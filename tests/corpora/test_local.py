import json
import logging

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workflow_scripts.corpora.document import CorpusError, documents_table
from workflow_scripts.corpora.sources.local import Options, input_files, read


def jsonl(path, *rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def texts(path, language="sw", **options):
    """doc_id -> text of all documents of a language."""
    return {d.doc_id: d.text for d in read(language, Options(str(path), **options))}


def error_of(path, language="sw", **options) -> str:
    with pytest.raises(CorpusError) as caught:
        list(read(language, Options(str(path), **options)))
    return str(caught.value).replace(str(path), "FOLDER")


def test_json_lines_with_and_without_doc_id(tmp_path):
    jsonl(tmp_path / "sw.jsonl", {"text": "Moja\u2028moja."}, {"text": "Mbili."})
    jsonl(tmp_path / "en.jsonl", {"doc_id": "x", "body": "One."}, {"doc_id": 7, "body": "Two."})
    assert texts(tmp_path) == {"0": "Moja\u2028moja.", "1": "Mbili."}
    assert texts(tmp_path, "en", text="body") == {"x": "One.", "7": "Two."}


def test_parquet_with_its_extra_columns(tmp_path):
    table = {"text": ["A. B.", "C."], "sentences": [["A.", "B."], None], "register": ["news", None], "junk": [1, 2]}
    pq.write_table(pa.table({**table, "split": ["evaluation", "calibration"]}), tmp_path / "sw.parquet")
    documents = sorted(read("sw", Options(str(tmp_path))), key=lambda d: d.doc_id)
    assert [(d.sentences, d.register, d.split) for d in documents] == [
        (("A.", "B."), "news", "evaluation"),
        (None, None, "calibration"),
    ]
    assert documents_table(documents).num_rows == 2


def test_a_text_file_alone_holds_documents_between_blank_lines(tmp_path):
    (tmp_path / "sw.txt").write_bytes(b"\xef\xbb\xbfMoja\r\nmoja.\r\n\r\n \t\r\nMbili.\n\n\n\nTatu.\n")
    assert texts(tmp_path) == {"0": "Moja\nmoja.", "1": "Mbili.", "2": "Tatu."}


def test_several_text_files_are_a_document_each(tmp_path):
    (tmp_path / "sw").mkdir()
    (tmp_path / "sw" / "b.txt").write_text("Mbili.\n\nMbili tena.\n")
    (tmp_path / "sw" / "a.txt").write_text("Moja.\n")
    (tmp_path / "sw" / "README.md").write_text("not a document")
    assert texts(tmp_path) == {"a": "Moja.", "b": "Mbili.\n\nMbili tena."}
    assert [path.name for path in input_files("sw", Options(str(tmp_path)))] == ["a.txt", "b.txt"]


def test_numbers_run_on_through_the_files_of_a_folder(tmp_path):
    (tmp_path / "sw").mkdir()
    jsonl(tmp_path / "sw" / "1.jsonl", {"text": "a"}, {"text": "b"})
    pq.write_table(pa.table({"text": ["c"]}), tmp_path / "sw" / "2.parquet")
    assert texts(tmp_path) == {"0": "a", "1": "b", "2": "c"}


def test_documents_without_text_are_counted_but_left_out(tmp_path, caplog):
    jsonl(tmp_path / "sw.jsonl", {"text": "a"}, {"text": " \n"}, {"text": None}, {"text": "d"})
    with caplog.at_level(logging.INFO):
        assert texts(tmp_path) == {"0": "a", "3": "d"}
    assert "left out 2" in caplog.text


def test_parallel_languages_are_split_alike_and_all_documents_can_be_evaluation(tmp_path):
    for language in ("sw", "en"):
        jsonl(tmp_path / f"{language}.jsonl", *({"text": f"{language} {n}"} for n in range(40)))
    sides = [[(d.doc_id, d.split) for d in read(language, Options(str(tmp_path)))] for language in ("sw", "en")]
    assert sides[0] == sides[1]
    assert {side for _, side in sides[0]} == {"calibration", "evaluation"}
    assert {d.split for d in read("sw", Options(str(tmp_path), evaluation_share=1.0))} == {"evaluation"}


def test_equal_texts_are_dropped(tmp_path):
    jsonl(tmp_path / "sw.jsonl", {"text": "a"}, {"text": "b"}, {"text": "a"})
    assert texts(tmp_path) == {"0": "a", "1": "b"}


def test_a_missing_folder(tmp_path):
    assert (
        error_of(tmp_path / "no") == "Corpus folder FOLDER does not exist or is no folder: mend `path` of the corpus."
    )


def test_a_missing_language_names_those_found(tmp_path):
    (tmp_path / "de").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "README.md").touch()
    (tmp_path / "zh-Hant.jsonl").touch()
    assert "no language 'sw', only de, zh-Hant: add" in error_of(tmp_path)


def test_a_language_there_twice(tmp_path):
    (tmp_path / "sw.txt").write_text("a")
    (tmp_path / "sw.jsonl").write_text("")
    assert "'sw' more than once (sw.jsonl and sw.txt): keep one" in error_of(tmp_path)


def test_a_folder_without_documents(tmp_path):
    (tmp_path / "sw").mkdir()
    (tmp_path / "sw" / "notes.md").write_text("x")
    assert "holds no file that ends in .csv, .jsonl, .parquet, .tsv, .txt" in error_of(tmp_path)


def test_a_missing_text_column_names_those_there(tmp_path):
    jsonl(tmp_path / "sw.jsonl", {"text": "a"}, {"body": "b", "url": "c"})
    assert error_of(tmp_path) == (
        "FOLDER/sw.jsonl, line 2 has no text column 'text', only body, url: set `text` of the corpus."
    )
    pq.write_table(pa.table({"body": ["a"], "doc_id": ["b"]}), tmp_path / "en.parquet")
    assert "en.parquet has no text column 'text', only body, doc_id: set" in error_of(tmp_path, "en")


@pytest.mark.parametrize("content", ["", "\n\n", '{"text": ""}\n'])
def test_no_documents(tmp_path, content):
    (tmp_path / "sw.jsonl").write_text(content)
    (tmp_path / "en.txt").write_text(content.replace('{"text": ""}', " "))
    assert "hold no text" in error_of(tmp_path)
    assert "hold no text" in error_of(tmp_path, "en")


@pytest.mark.parametrize("name", ["sw.jsonl", "sw.txt"])
def test_bytes_that_are_not_utf8(tmp_path, name):
    (tmp_path / name).write_bytes(b'\xef\xbb\xbf{"text": "a"}\n{"text": "b"}\n{"text": "\xe9t\xe9"}\n')
    assert f"FOLDER/{name}, line 3 is not UTF-8" in error_of(tmp_path)


@pytest.mark.parametrize("line", ["{text: 1}", "[1]", '"text"', '{"text": "\\ud800"}'])
def test_lines_that_are_no_json_objects(tmp_path, line):
    (tmp_path / "sw.jsonl").write_text('{"text": "a"}\n\n' + line + "\n")
    assert "FOLDER/sw.jsonl, line 3 " in error_of(tmp_path)


def test_a_damaged_parquet_file(tmp_path):
    (tmp_path / "sw.parquet").write_bytes(b"PAR1 no PAR1")
    assert "sw.parquet is damaged or not a Parquet file" in error_of(tmp_path)


def test_a_doc_id_there_twice(tmp_path):
    jsonl(tmp_path / "sw.jsonl", {"doc_id": "x", "text": "a"}, {"doc_id": "x", "text": "b"})
    assert error_of(tmp_path) == ("FOLDER/sw.jsonl, line 2 has doc_id 'x', as has FOLDER/sw.jsonl, line 1: rename one.")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": 3}, "'text' of type int: str is needed"),
        ({"text": "a", "doc_id": 0.5}, "'doc_id' of type float: str or int is needed"),
        ({"text": "a", "split": "train"}, "split 'train'"),
        ({"text": "a", "sentences": "a"}, "'sentences' of type str"),
        ({"text": "a", "sentences": ["a", None]}, "not all strings"),
    ],
)
def test_values_of_the_wrong_kind(tmp_path, row, message):
    jsonl(tmp_path / "sw.jsonl", row)
    assert message in error_of(tmp_path)


def test_a_share_out_of_range_is_refused_before_anything_is_read():
    with pytest.raises(CorpusError, match="1.5"):
        Options("nowhere", evaluation_share=1.5)
