import dataclasses
import json
import subprocess
import sys

import pytest

from workflow_scripts.corpora.document import Document, documents_table
from workflow_scripts.corpora.sources import KINDS, embedded, get_source


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_the_same_face(kind):
    source = get_source(kind)
    assert callable(source.read) and callable(source.input_files)
    assert dataclasses.is_dataclass(source.Options) and source.Options.__dataclass_params__.frozen


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="'web'.*embedded, hub, local"):
        get_source("web")


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_chosen_source_is_imported(kind):
    code = (
        "import sys; from workflow_scripts.corpora.sources import get_source; "
        f"get_source({kind!r}); "
        "print(*sorted(m for m in sys.modules if m.startswith('workflow_scripts.corpora.sources.'))); "
        "print('datasets' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == [f"workflow_scripts.corpora.sources.{kind}", "False"]


ROWS = [
    {
        "doc_id": f"narrative-{n}",
        "split": split,
        "register": "narrative",
        "topic": "a bus",
        "origin": "de",
        "sentences": [f"Eins {n}.", "Zwei\u2028.", "Drei."],
    }
    for n, split in enumerate(["evaluation", "calibration", "calibration"])
]


@pytest.fixture
def data(tmp_path):
    for language in ("sw", "de", "zh-Hant"):
        lines = [json.dumps(row, ensure_ascii=False) for row in ROWS]
        (tmp_path / f"{language}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def test_the_embedded_corpus_keeps_its_split_and_order(data):
    documents = list(embedded.read("de", embedded.Options(), data))
    assert [(d.doc_id, d.split) for d in documents] == [(row["doc_id"], row["split"]) for row in ROWS]
    assert documents[0] == Document(
        "narrative-0",
        "Eins 0. Zwei\u2028. Drei.",
        ("Eins 0.", "Zwei\u2028.", "Drei."),
        "narrative",
        "de",
        "evaluation",
    )


def test_chinese_sentences_follow_without_blank(data):
    assert next(embedded.read("zh-Hant", embedded.Options(), data)).text == "Eins 0.Zwei\u2028.Drei."


def test_the_embedded_corpus_lists_its_languages_and_files(data):
    assert embedded.languages(embedded.Options(), data) == ["de", "sw", "zh-Hant"]
    assert embedded.input_files("sw", embedded.Options(), data) == [data / "sw.jsonl"]


def test_a_language_the_embedded_corpus_lacks_is_refused(data):
    with pytest.raises(ValueError, match="no language 'fr', only de, sw, zh-Hant"):
        list(embedded.read("fr", embedded.Options(), data))


@pytest.mark.parametrize("language", embedded.languages(embedded.Options()))
def test_the_packaged_documents_are_parallel(language):
    documents = list(embedded.read(language, embedded.Options()))
    assert documents_table(documents).num_rows == len({d.text for d in documents}) > 0
    reference = embedded.read(embedded.languages(embedded.Options())[0], embedded.Options())
    for document, other in zip(documents, reference, strict=True):
        for name in ("doc_id", "split", "register", "origin"):
            assert getattr(document, name) == getattr(other, name)
        assert len(document.sentences) == len(other.sentences)
