"""The documents that are written from the code are those of the code."""

import json

import pytest
import yaml
from jsonschema import Draft202012Validator

from workflow_scripts.artifacts.catalogue import ARTIFACTS
from workflow_scripts.commands.reference import DOCS, DOCUMENTS
from workflow_scripts.pruning.layers import LAYERS_SCHEMA
from workflow_scripts.pruning.results import Diagnostics
from workflow_scripts.study.sections import Study
from workflow_scripts.study.words import sections_of, walk_keys


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_documents_are_up_to_date(name):
    assert (DOCS / name).read_text(encoding="utf-8") == DOCUMENTS[name](), "run python -m workflow_scripts reference"


def test_every_key_of_the_study_is_explained():
    for place, field in walk_keys(Study):
        assert field.description or sections_of(field.rebuild_annotation())[0].__doc__, place


def test_every_key_of_the_study_is_in_the_document():
    text = DOCUMENTS["configuration.md"]()
    for place, _ in walk_keys(Study):
        assert f"| `{'.'.join(place)}` |" in text, place


def test_every_column_is_described_and_no_description_is_left_over():
    for artifact in ARTIFACTS:
        assert all(artifact.meanings().values())
        if artifact.arrow_schema is not None:
            assert set(artifact.columns) <= set(artifact.arrow_schema.names), artifact.title


def test_layers_hold_all_diagnostics():
    assert LAYERS_SCHEMA.names == ["block", "module", *Diagnostics.__dataclass_fields__, "input_norms"]


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("models/m/config.json", "Dense model"),
        ("models/m/provenance.json", "Record of a model"),
        ("pruned/m/magnitude/0.5/none/none/0/masks.parquet", "Masks"),
        ("perplexity/m/dense/c-8x16/sw.parquet", "Perplexity"),
        ("perplexity/m/wanda/2of4/c-8x16-sequential/en+sw/0/c-8x16/sw.parquet", "Perplexity"),
        ("reports/s/figures/matrix.png", "Figures"),
    ],
)
def test_a_path_is_of_one_kind(path, title):
    assert [artifact.title for artifact in ARTIFACTS if artifact.matches(path)] == [title]


@pytest.mark.parametrize("path", ["pruned/m/dense.parquet", "models/m/a/b", "reports/s/tables/other.parquet"])
def test_an_unknown_path_is_of_none(path):
    assert not [artifact for artifact in ARTIFACTS if artifact.matches(path)]


STUDIES = [DOCS.parent / "config.yaml", *sorted((DOCS.parent / "studies").glob("*.yaml"))]


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_an_editor_finds_the_schema_of_a_study_and_takes_every_packaged_one(path):
    text = path.read_text(encoding="utf-8")
    words, _, place = text.partition("\n")[0].partition("$schema=")
    assert words == "# yaml-language-server: "
    schema = json.loads((path.parent / place).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    checked = Draft202012Validator(schema)
    assert not [*checked.iter_errors(yaml.safe_load(text))]
    assert [*checked.iter_errors(yaml.safe_load(text) | {"modls": {}})]
