import pytest

from workflow_scripts.artifacts.files import make_provenance, write_table
from workflow_scripts.corpora.document import DOCUMENTS_SCHEMA, CorpusError, Document, documents_table, read_documents

DOCUMENTS = [
    Document("b", "Moja. Mbili.", ("Moja.", "Mbili."), "narrative", "sw", "evaluation"),
    Document("z", "Tatu.", split="calibration"),
    Document("a", "Nne.", split="calibration"),
]


def test_documents_come_back_from_parquet_in_the_order_given(tmp_path):
    path = tmp_path / "sw.parquet"
    write_table(path, documents_table(DOCUMENTS), make_provenance("collect_documents", {}, "", {}))
    assert read_documents(path, "calibration") == DOCUMENTS[1:]
    assert read_documents(path, "evaluation") == DOCUMENTS[:1]


def test_table_has_the_schema_and_calibration_first():
    table = documents_table(DOCUMENTS)
    assert table.schema == DOCUMENTS_SCHEMA
    assert table["doc_id"].to_pylist() == ["z", "a", "b"]
    assert table["sentences"].to_pylist() == [None, None, ["Moja.", "Mbili."]]


def test_a_document_without_split_is_refused():
    with pytest.raises(CorpusError, match="'x' has split None"):
        documents_table([Document("x", "text")])


def test_a_doc_id_used_twice_is_refused():
    with pytest.raises(CorpusError, match="doc_id 'x'"):
        documents_table([Document("x", "one", split="evaluation"), Document("x", "two", split="calibration")])


def test_an_unknown_split_is_refused(tmp_path):
    with pytest.raises(ValueError, match="train"):
        read_documents(tmp_path / "none.parquet", "train")
