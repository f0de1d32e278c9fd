import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workflow_scripts.corpora.document import CorpusError
from workflow_scripts.corpora.sources import hub
from workflow_scripts.corpora.sources.hub import Options, input_files, read

CARD = """---
configs:
- config_name: en
  data_files:
  - split: train
    path: en/*
- config_name: swh_Latn
  data_files:
  - split: train
    path: swahili/*
---
"""


def long_text(language, number):
    return f"{language} {number} " * 50


@pytest.fixture(autouse=True)
def no_network(monkeypatch, tmp_path):
    datasets = pytest.importorskip("datasets")
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(params=["jsonl", "parquet"])
def repository(request, tmp_path):
    """A folder laid out like a data set's repository: row 1 is short in both languages, row 3 empty in Swahili."""
    root = tmp_path / "repository"
    english = [{"text": long_text("en", n), "number": n} for n in range(8)]
    swahili = [{"text": long_text("sw", n), "number": n} for n in range(8)]
    english[1]["text"], swahili[1]["text"], swahili[3]["text"] = "short", "fupi", None
    write(root / "en" / f"1.{request.param}", english[:5])
    write(root / "en" / f"2.{request.param}", english[5:])
    write(root / "swahili" / f"1.{request.param}", swahili)
    (root / "README.md").write_text(CARD)
    return str(root)


def error_of(name, language="en", **options) -> str:
    with pytest.raises(CorpusError) as caught:
        list(read(language, Options(name, **options)))
    return str(caught.value)


def test_the_first_long_documents_are_taken_and_called_after_their_row(repository):
    documents = list(read("en", Options(repository, documents=4)))
    assert {d.doc_id: d.text for d in documents} == {str(n): long_text("en", n) for n in (0, 2, 3, 4)}


def test_a_configuration_is_named_per_language(repository):
    documents = list(read("sw", Options(repository, {"sw": "swh_Latn"}, documents=100)))
    assert {d.doc_id for d in documents} == {"0", "2", "4", "5", "6", "7"}


def test_the_same_row_falls_on_the_same_side_in_every_language(repository):
    options = Options(repository, {"sw": "swh_Latn"})
    english = {d.doc_id: d.split for d in read("en", options)}
    swahili = [(d.doc_id, d.split) for d in read("sw", options)]
    assert swahili == [(doc_id, english[doc_id]) for doc_id, _ in swahili]
    assert {d.split for d in read("en", Options(repository, evaluation_share=0.0))} == {"calibration"}


def test_a_data_set_has_no_input_files():
    assert input_files("sw", Options("owner/name")) == []


def test_an_unknown_configuration_names_those_there(repository):
    message = error_of(repository, "fi")
    assert "['en', 'swh_Latn']" in message
    assert "name the configuration of 'fi' under `configurations`" in message


def test_a_configuration_that_is_called_as_the_language_in_another_spelling_is_understood(repository):
    told = list(read("sw", Options(repository, {"sw": "swh_Latn"})))
    assert list(read("sw", Options(repository))) == told


def test_an_unknown_split_names_those_there(repository):
    message = error_of(repository, split="test")
    assert "['train']" in message and "mend `split`" in message


def test_a_missing_text_column_names_those_there(repository):
    assert "no text column 'body', only number, text: set `text`" in error_of(repository, text="body")


def test_a_column_that_holds_no_strings(repository):
    options = {"configurations": {"sw": "swh_Latn"}, "text": "number"}
    assert "holds int, not strings" in error_of(repository, "sw", **options)


def test_documents_that_are_all_too_short(repository):
    assert "no document of 100000 characters" in error_of(repository, minimum_characters=100_000)


def test_without_network_a_data_set_cannot_be_reached():
    message = error_of("polyprune-tests/nowhere")
    assert "check the network and HF_HUB_OFFLINE" in message and "\n" not in message


def test_a_damaged_file_is_reported_in_one_line(repository, tmp_path):
    for path in (tmp_path / "repository" / "en").iterdir():
        path.write_text("{bad\n")
    message = error_of(repository)
    assert "cannot be read (" in message and "\n" not in message


@pytest.mark.parametrize(
    ("cause", "remedy"),
    [
        ("Dataset 'o/n' is a gated dataset on the Hub. You must be authenticated to access it.", "accept its terms"),
        ("Dataset 'o/n' doesn't exist on the Hub or cannot be accessed.", "mend `name` or `revision`"),
        ("Revision 'v9' doesn't exist for dataset 'o/n' on the Hub.", "mend `name` or `revision`"),
    ],
)
def test_refusals_of_the_hub_are_explained(monkeypatch, cause, remedy):
    import datasets

    def refuse(*args, **settings):
        raise datasets.exceptions.DatasetNotFoundError(cause)

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    message = error_of("o/n")
    assert remedy in message and cause.rstrip(".") in message


def test_settings_reach_the_library(monkeypatch):
    import datasets

    calls = []
    rows = [{"text": "x" * 300}]
    monkeypatch.setattr(datasets, "load_dataset", lambda *args, **settings: calls.append((args, settings)) or rows)
    list(hub.read("sw", Options("o/n", revision="abc", split="validation")))
    assert calls == [(("o/n", "sw"), {"split": "validation", "streaming": True, "revision": "abc"})]


@pytest.mark.parametrize("settings", [{"documents": 0}, {"evaluation_share": -1}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(CorpusError):
        Options("o/n", **settings)
