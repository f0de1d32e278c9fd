"""Files of the user's: whatever bytes they hold, there come rows, or one error that names the place."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow_scripts.corpora import rows
from workflow_scripts.corpora.document import CorpusError
from workflow_scripts.corpora.rows import READERS, RowsError, ending, parse_json, read_rows
from workflow_scripts.corpora.sources.local import Options, input_files, passed_over, read
from workflow_scripts.evaluation.questions import QuestionsError, read_lines, read_questions
from workflow_scripts.evaluation.tasks.definitions import TaskError, task_inputs

PACKED = gzip.compress(b'{"text": "x"}', mtime=0)


def rows_of(path, alone=True):
    return [row for _, row in read_rows(path, "text", ("doc_id",), alone)]


def error_of(path) -> str:
    with pytest.raises(RowsError) as raised:
        rows_of(path)
    return str(raised.value).replace(str(path.parent), "FOLDER")


def texts(path, language="sw", **options):
    return {d.doc_id: d.text for d in read(language, Options(str(path), **options))}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.jsonl", ".jsonl"), ("A.JSONL", ".jsonl"), ("a.jsonl.gz", ".jsonl"), ("a.TXT.GZ", ".txt"), ("a.b.csv", ".csv"),
        ("a.parquet", ".parquet"), ("a.parquet.gz", ""), ("a.gz", ""), ("a", ""), ("a.md", ".md"),
    ],
)  # fmt: skip
def test_a_name_says_what_a_file_holds(tmp_path, name, said):
    assert ending(tmp_path / name) == said


def test_tables_with_commas_and_tabs(tmp_path):
    (tmp_path / "a.csv").write_text('doc_id,text,note\n1,"One, and\ntwo",x\n2,Three,\n\n')
    (tmp_path / "a.tsv").write_text('text\tdoc_id\nA, b\tx\n"Open\ty\n"Quoted ""well"""\tz\n')
    assert rows_of(tmp_path / "a.csv") == [
        {"doc_id": "1", "text": "One, and\ntwo", "note": "x"},
        {"doc_id": "2", "text": "Three", "note": None},
    ]
    assert rows_of(tmp_path / "a.tsv") == [
        {"text": "A, b", "doc_id": "x"},
        {"text": '"Open', "doc_id": "y"},
        {"text": 'Quoted "well"', "doc_id": "z"},
    ]


def test_a_field_may_be_as_long_as_a_document(tmp_path):
    (tmp_path / "a.csv").write_text(f"text\n{'x' * 200_000}\n")
    assert len(rows_of(tmp_path / "a.csv")[0]["text"]) == 200_000


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", b"text,a\nx\n", "FOLDER/a.csv, line 2 has 1 fields, and the first line names 2 columns"),
        ("a.csv", b"text,text\nx,y\n", "FOLDER/a.csv, line 1 has the column 'text' twice: rename one."),
        (
            "a.csv",
            b"body,url\n",
            "FOLDER/a.csv, line 1 has no text column 'text', only body, url: set `text` of the corpus.",
        ),
        ("a.tsv", b"body\turl\nx\ty\n", "FOLDER/a.tsv, line 1 has no text column 'text', only body, url"),
        (
            "a.jsonl",
            b'{"text": "x"}\n{"text": "y", "text": "z"}\n',
            "FOLDER/a.jsonl, line 2 has the key 'text' twice: keep one.",
        ),
        (
            "a.jsonl",
            b'{"text": "x", "more": [{"a": 1, "b": 2, "a": 1}]}',
            "FOLDER/a.jsonl, line 1 has the key 'a' twice",
        ),
        ("a.csv", b'text\n"x\n', "FOLDER/a.csv, line 2 is no table row"),
        ("a.jsonl", b'{"n": ' + b"1" * 4400 + b"}", "FOLDER/a.jsonl, line 1 has a number of too many digits"),
        ("a.jsonl", b"[" * 100_000, "FOLDER/a.jsonl, line 1 nests too deep"),
        ("a.jsonl", b'{"a":' * 100_000, "FOLDER/a.jsonl, line 1 nests too deep"),
        ("a.jsonl.gz", PACKED[:-4], "FOLDER/a.jsonl.gz is no whole gzip file"),
        ("a.txt.gz", b"", "FOLDER/a.txt.gz is no whole gzip file"),
        ("a.csv", b"doc_id;text\n1;x\n", "FOLDER/a.csv has other signs than commas between its columns"),
        ("a.txt.gz", b"plain", "FOLDER/a.txt.gz is no whole gzip file"),
        (
            "a.txt.gz",
            PACKED[:12] + b"\0\1" * 40,
            "FOLDER/a.txt.gz is no whole gzip file",
        ),
        ("a.txt.gz", gzip.compress(b"\xff", mtime=0), "FOLDER/a.txt.gz, line 1 is not UTF-8"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    assert sentence in error_of(tmp_path / name)


def test_a_parquet_file_with_other_bytes_than_utf8_is_named(tmp_path):
    column = pa.array([b"na\xefve"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet")
    assert "a.parquet holds text that is not UTF-8" in error_of(tmp_path / "a.parquet")


def test_columns_of_a_parquet_file_are_looked_at_though_it_has_no_row(tmp_path):
    pq.write_table(pa.table({"body": pa.array([], pa.string())}), tmp_path / "a.parquet")
    assert (
        error_of(tmp_path / "a.parquet")
        == "FOLDER/a.parquet has no text column 'text', only body: set `text` of the corpus."
    )
    pq.write_table(pa.Table.from_arrays([pa.array(["x"]), pa.array(["y"])], ["text", "text"]), tmp_path / "b.parquet")
    assert error_of(tmp_path / "b.parquet") == "FOLDER/b.parquet has the column 'text' twice: rename one."


def test_a_table_without_texts_beside_others_is_refused(tmp_path):
    (tmp_path / "sw").mkdir()
    (tmp_path / "sw" / "a.jsonl").write_text('{"text": "a"}\n')
    (tmp_path / "sw" / "b.csv").write_text("address,size\n")
    with pytest.raises(CorpusError, match="b.csv, line 1 has no text column 'text', only address, size"):
        texts(tmp_path)


def test_a_file_that_is_called_as_a_document_of_another_is_numbered_is_refused(tmp_path):
    (tmp_path / "sw").mkdir()
    for name, content in {"0.txt": "a", "2.txt": "b", "a.jsonl": '{"text": "c"}'}.items():
        (tmp_path / "sw" / name).write_text(content)
    with pytest.raises(CorpusError) as raised:
        texts(tmp_path)
    assert str(raised.value).replace(str(tmp_path), "FOLDER") == (
        "FOLDER/sw/a.jsonl, line 1 has doc_id '2', its number among the documents, as has FOLDER/sw/2.txt: "
        "write doc_ids into the rows, or rename the file that is called so."
    )
    (tmp_path / "sw" / "a.jsonl").write_text('{"text": "c", "doc_id": "2"}')
    with pytest.raises(CorpusError, match="has doc_id '2', as has .*2.txt: rename one"):
        texts(tmp_path)


def test_unpacking_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "UNPACKED", 2**20)
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"x" * 2**21))
    assert "unpacks to more than 1 MiB, which no text does" in error_of(tmp_path / "a.txt.gz")


@pytest.mark.parametrize("blank", ["", " \t", "\u3000", "\u00a0", "\u2003\v", "\x85", "\u200b", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_documents_are_apart_at_lines_of_blanks_of_any_script(tmp_path, blank, end):
    (tmp_path / "a.txt").write_bytes(f"One.{end}One.{end}{blank}{end}Two.".encode())
    assert rows_of(tmp_path / "a.txt") == [{"text": "One.\nOne."}, {"text": "Two."}]


def test_what_editors_and_file_managers_leave_is_passed_over(tmp_path):
    folder = tmp_path / "sw"
    (folder / ".git").mkdir(parents=True)
    (folder / "__MACOSX").mkdir()
    for name in ("._000.txt", ".~lock.a.txt", "~$a.txt", "b.txt~", "c.txt.part", ".git/d.txt", "__MACOSX/e.txt"):
        (folder / name).write_text("left behind")
    (folder / "a.txt").write_text("One.")
    (tmp_path / "._sw.txt").write_text("left behind")
    assert texts(tmp_path) == {"0": "One."}
    assert passed_over(Options(str(tmp_path))) == []


def test_files_of_all_forms_and_depths_are_read_and_others_named(tmp_path):
    folder = tmp_path / "sw"
    (folder / "sub" / "deeper").mkdir(parents=True)
    (folder / "0.jsonl").write_text('{"text": "a", "doc_id": "a"}\n')
    (folder / "1.jsonl.gz").write_bytes(gzip.compress(b'{"text": "b", "doc_id": "b"}\n'))
    (folder / "2.TXT").write_text("c")
    (folder / "sub" / "2.txt").write_text("d")
    (folder / "sub" / "deeper" / "3.csv").write_text("text,doc_id\ne,e\n")
    (folder / "sub" / "notes.docx").write_text("x")
    (tmp_path / "notes.pdf").write_text("x")
    assert texts(tmp_path) == {"a": "a", "b": "b", "2": "c", "sub/2": "d", "e": "e"}
    assert [path.name for path in passed_over(Options(str(tmp_path)))] == ["notes.pdf", "notes.docx"]


def test_links_are_followed_neither_out_of_a_folder_nor_in_circles(tmp_path):
    folder = tmp_path / "corpus" / "sw"
    folder.mkdir(parents=True)
    (tmp_path / "outside.txt").write_text("outside")
    (folder / "a.txt").write_text("One.")
    (folder / "outside.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "again").symlink_to(folder)
    (folder / "gone.txt").symlink_to(tmp_path / "gone.txt")
    options = Options(str(tmp_path / "corpus"))
    assert input_files("sw", options) == [folder / "a.txt"]
    assert {path.name for path in passed_over(options)} == {"outside.txt", "again", "gone.txt"}


@pytest.mark.parametrize("name", ["zh_Hans", "zh_hans", "zh-hans", "ZH-Hans"])
def test_a_language_is_known_by_its_code_however_the_file_spells_it(tmp_path, name):
    (tmp_path / f"{name}.jsonl").write_text('{"text": "a"}\n')
    assert texts(tmp_path, "zh-Hans") == {"0": "a"}
    (tmp_path / "zh-Hans.txt").write_text("b")
    with pytest.raises(CorpusError, match="more than once"):
        texts(tmp_path, "zh-Hans")


def test_the_same_text_is_one_document_however_it_is_encoded(tmp_path):
    told = ["Caf\u00e9 noir", "\ufeffCaf\u00e9 no\u00adir", "Cafe\u0301 noir", "Caf\u00e9  noir\r\n", "Th\u00e9"]
    (tmp_path / "sw.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in told))
    assert texts(tmp_path) == {"0": "Caf\u00e9 noir", "4": "Th\u00e9"}


def test_characters_that_are_not_seen_are_no_text(tmp_path):
    (tmp_path / "sw.jsonl").write_text('{"text": "\\u200b\\u200d\\ufeff"}\n{"text": "a"}\n{"text": "\\ue000"}\n')
    assert texts(tmp_path) == {"1": "a", "2": "\ue000"}


# Pieces of files that are nearly right lead further than random bytes alone.
PIECES = st.sampled_from(
    [b'{"text": "a"}\n', b'{"text": ', b"[[", b"\r", b"\n\n", b'"', b",", b"\t", b"text,doc_id\n", b"\x00", b"\xef\xbb\xbf", b"\\ud800",
     b'{"text": 1e999}\n', b'{"doc_id": [1], "text": "b"}\n', b'{"sentences": 3, "text": "c"}\n', b'{"text": "a", "split": {}}\n',
     b'{"example_id": 1, "queries": {"en": "q"}, "answers": {"en": [{"type": "x", "text": "a"}]}}\n', b"PAR1", b"\x1f\x8b\x08"]
)  # fmt: skip
CONTENT = st.lists(st.one_of(PIECES, st.binary(max_size=12)), max_size=12).map(b"".join)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("suffix", sorted(READERS))
@settings(max_examples=60)
@given(content=CONTENT)
def test_any_bytes_give_documents_or_one_error(tmp_path_factory, suffix, packed, content):
    folder = tmp_path_factory.mktemp("any")
    name = f"sw{suffix}.gz" if packed and suffix != ".parquet" else f"sw{suffix}"
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") and len(content) % 3 else content)
    try:
        assert all(document.text for document in read("sw", Options(str(folder))))
    except CorpusError as error:
        assert str(error).endswith(".")


@settings(max_examples=60)
@given(place=st.integers(0, 600), change=st.binary(min_size=1, max_size=8))
def test_a_damaged_parquet_file_gives_documents_or_one_error(tmp_path_factory, place, change):
    folder = tmp_path_factory.mktemp("any")
    pq.write_table(pa.table({"text": ["One.", "Two."], "sentences": [["One."], None]}), folder / "sw.parquet")
    content = bytearray((folder / "sw.parquet").read_bytes())
    content[place : place + len(change)] = change
    (folder / "sw.parquet").write_bytes(content)
    try:
        list(read("sw", Options(str(folder))))
    except CorpusError as error:
        assert str(error).endswith(".")


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["example_id", "queries", "answers", "en", "type", "text", "aliases"]), inner, max_size=4
        ),
    ),
    max_leaves=12,
)


@settings(max_examples=200)
@given(row=JSON, gold=JSON)
def test_any_row_gives_questions_or_one_error(tmp_path_factory, row, gold):
    path = tmp_path_factory.mktemp("any") / "q.jsonl"
    nearly = {"example_id": 1, "queries": {"en": "q"}, "answers": {"en": gold}}
    path.write_text(json.dumps(nearly) + "\n" + json.dumps(row) + "\n")
    try:
        for question in read_questions(read_lines(path), "en", 1, answerable=False):
            assert all(isinstance(answer, str) for answer in question.answers)
    except QuestionsError as error:
        assert str(error).endswith(".")


@settings(max_examples=150)
@given(content=st.one_of(CONTENT, st.lists(st.sampled_from(
    [b"task: a\n", b"output_type: multiple_choice\n", b"dataset_path: json\n", b"dataset_kwargs: 3\n", b"include: 3\n", b"include: [a]\n",
     b"x: &a [*a]\n", b"dataset_kwargs: {data_files: {test: [1, {a: 2}]}}\n", b"y: 2020-13-45\n", b"? [1]\n: 2\n", b"!function a.b\n"]
), max_size=6).map(b"".join)))  # fmt: skip
def test_any_definition_of_a_task_gives_its_files_or_one_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "task.yaml"
    path.write_bytes(content)
    try:
        assert path in task_inputs(str(path), None, "")
    except TaskError as error:
        assert str(error)


def test_numbers_and_nesting_that_nothing_can_be_made_of_are_named():
    for line in ('{"a": ' + "9" * 5000 + "}", "[" * 10**5, b"\xff"):
        with pytest.raises(RowsError, match="here"):
            parse_json(line, "here")
