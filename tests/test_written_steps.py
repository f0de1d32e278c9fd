"""The steps that let models write, on a tiny model: their artifacts, variants in series, tables, and what they refuse."""

import json

import polars as pl
import pytest

from tests.conftest import save_checkpoint, write_local_corpus
from workflow_scripts.artifacts.files import ArtifactError, read_provenance, read_table
from workflow_scripts.artifacts.paths import (
    Grid,
    Variant,
    answers_path,
    continuations_path,
    questions_path,
    tokens_path,
)
from workflow_scripts.artifacts.paths import variant_folder as folder_of
from workflow_scripts.evaluation.schemas.answers import ANSWERS_SCHEMA
from workflow_scripts.evaluation.schemas.continuations import CONTINUATIONS_SCHEMA
from workflow_scripts.steps.answer_questions import Parameters as AnswerParameters
from workflow_scripts.steps.answer_questions import answer_questions
from workflow_scripts.steps.collect_documents import Parameters as DocumentParameters
from workflow_scripts.steps.collect_documents import collect_documents
from workflow_scripts.steps.collect_questions import Parameters as QuestionParameters
from workflow_scripts.steps.collect_questions import collect_questions
from workflow_scripts.steps.continue_prompts import Parameters as ContinuationParameters
from workflow_scripts.steps.continue_prompts import continue_prompts
from workflow_scripts.steps.prepare_model import prepare_model
from workflow_scripts.steps.prune_model import Parameters as PruningParameters
from workflow_scripts.steps.prune_model import prune_model
from workflow_scripts.steps.tabulate_continuations import Parameters as ContinuationsTable
from workflow_scripts.steps.tabulate_continuations import tabulate_continuations
from workflow_scripts.steps.tabulate_questions import Parameters as QuestionsTable
from workflow_scripts.steps.tabulate_questions import tabulate_questions
from workflow_scripts.steps.tokenize_documents import tokenize_documents

# Magnitude needs no calibration, so that the variants cost nothing.
GRID = Grid(("tiny",), (), ("0.3", "0.6"), "none", "sequential", (), (), (0,), "", ())
VARIANTS = list(GRID.variants())
ASK = AnswerParameters("en", tokens=5, prompt="{question}.", batch=2, device="cpu")
CONTINUE = ContinuationParameters(prompts=3, opening=6, tokens=9, batch=2, device="cpu")
ASKED, CONTINUED = "letters-3x5", "letters-3x6-9"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A tiny model, masks of two ratios, questions and documents."""
    folder = tmp_path_factory.mktemp("written")
    results = folder / "results"
    prepare_model(record=record_of(results), checkpoint=sorted(save_checkpoint(folder / "given").iterdir()))
    for variant in VARIANTS[1:]:
        masks = folder_of(results, "tiny", variant) / "masks.parquet"
        prune_model(
            model=record_of(results),
            masks=masks,
            layers=masks.with_name("layers.parquet"),
            parameters=PruningParameters("magnitude", variant.pattern, device="cpu"),
        )
    write_local_corpus(folder / "letters", ["en"])
    documents = results / "corpora/letters/en.parquet"
    collect_documents(output=documents, parameters=DocumentParameters("local", "en"), path=str(folder / "letters"))
    tokenize_documents(
        model=record_of(results), documents=documents, output=tokens_path(results, "tiny", "letters", "en")
    )
    rows = [
        {
            "example_id": n,
            "queries": {"en": "ab cd"[: n + 2]},
            "answers": {"en": [{"type": "entity", "text": "fg h"[n:]}]},
        }
        for n in range(4)
    ]
    (folder / "letters.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    collect_questions(
        output=questions_path(results, "letters-3", "en"),
        parameters=QuestionParameters("en", 3),
        source=folder / "letters.jsonl",
    )
    return results


def record_of(results):
    return results / "models/tiny/provenance.json"


def masks_of(results, variants):
    return [folder_of(results, "tiny", variant) / "masks.parquet" for variant in variants if variant != Variant.dense()]


def ask(results, variants, output=None, parameters=ASK):
    output = output or [answers_path(results, "tiny", variant, ASKED, "en") for variant in variants]
    questions = questions_path(results, "letters-3", "en")
    masks = masks_of(results, variants)
    answer_questions(model=record_of(results), questions=questions, output=output, masks=masks, parameters=parameters)
    return output


def go_on(results, variants, output=None, parameters=CONTINUE):
    output = output or [continuations_path(results, "tiny", variant, CONTINUED, "en") for variant in variants]
    tokens, masks = tokens_path(results, "tiny", "letters", "en"), masks_of(results, variants)
    continue_prompts(model=record_of(results), tokens=tokens, output=output, masks=masks, parameters=parameters)
    return output


@pytest.mark.parametrize(("step", "schema"), [(ask, ANSWERS_SCHEMA), (go_on, CONTINUATIONS_SCHEMA)])
def test_variants_in_series_write_what_each_writes_alone(results, tmp_path, step, schema):
    pruned = VARIANTS[1:]
    series = step(results, pruned, [tmp_path / f"{number}.parquet" for number in range(2)])
    alone = [
        path for n, variant in enumerate(pruned) for path in step(results, [variant], [tmp_path / f"a{n}.parquet"])
    ]
    assert [path.read_bytes() for path in series] == [path.read_bytes() for path in alone]
    first, second = (read_table(path).to_pylist() for path in series)
    assert first != second and len(first) == 3
    assert read_table(series[0]).schema.remove_metadata() == schema
    before = series[0].stat().st_ino
    step(results, pruned, series)
    assert series[0].stat().st_ino == before


def test_the_batch_is_of_no_account(results, tmp_path):
    for step, parameters in ((ask, ASK), (go_on, CONTINUE)):
        changed = type(parameters)(**vars(parameters) | {"batch": 1})
        [one] = step(results, VARIANTS[:1], [tmp_path / "one.parquet"], changed)
        [two] = step(results, VARIANTS[:1], [tmp_path / "two.parquet"])
        assert (
            pl.read_parquet(one)
            .drop("loglikelihood", strict=False)
            .equals(pl.read_parquet(two).drop("loglikelihood", strict=False))
        )


def test_answers_are_gathered(results, tmp_path):
    for variant in VARIANTS:
        ask(results, [variant])
    table = tmp_path / "questions.parquet"
    parameters = QuestionsTable("letters-3", ASKED, ["en"])
    tabulate_questions(results=results, grid=json.dumps(vars(GRID)), parameters=parameters, output=table)
    rows = pl.read_parquet(table)
    assert rows.height == len(VARIANTS) * 3 and set(rows["corpus"]) == {ASKED}
    assert rows["loglikelihood"].max() < 0 and rows["f1"].is_between(0, 1).all()
    assert read_provenance(table)["parameters"]["languages"] == ["en"]
    ask(results, VARIANTS[:1], parameters=type(ASK)(**vars(ASK) | {"dtype": "float64"}))
    with pytest.raises(ArtifactError, match="was measured with"):
        tabulate_questions(results=results, grid=json.dumps(vars(GRID)), parameters=parameters, output=table)


def test_continuations_are_gathered_and_measured(results, tmp_path):
    for variant in VARIANTS:
        go_on(results, [variant])
    table = tmp_path / "continuations.parquet"
    parameters = ContinuationsTable("letters", CONTINUED, ["en"], "py3langid")
    tabulate_continuations(results=results, grid=json.dumps(vars(GRID)), parameters=parameters, output=table)
    rows = pl.read_parquet(table)
    assert rows.height == len(VARIANTS) * 3 and set(rows["doc_id"].value_counts()["count"]) == {len(VARIANTS)}
    assert rows["tokens"].is_between(0, 9).all() and (rows["ended"] | (rows["tokens"] == 9)).all()
    assert rows["repetition"].is_between(0, 1).all() and rows["in_language"].null_count() == 0
    [path] = go_on(results, VARIANTS[:1])
    kept = read_table(path).to_pylist()
    assert {row["text"] for row in kept} == set(rows.filter(variant="dense")["text"])


def test_too_few_documents_are_refused_with_the_numbers(results, tmp_path):
    parameters = type(CONTINUE)(**vars(CONTINUE) | {"opening": 10_000})
    with pytest.raises(ValueError, match="0 evaluation documents are longer than 10000 tokens, fewer than the 3"):
        go_on(results, VARIANTS[:1], [tmp_path / "x.parquet"], parameters)
