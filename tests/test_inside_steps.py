"""The steps that look inside of models: collected and counted on a tiny model, and compared from what was kept."""

import json
from math import log

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file

from tests.conftest import save_checkpoint
from workflow_scripts.artifacts.files import ArtifactError, read_table
from workflow_scripts.artifacts.paths import (
    Grid,
    Variant,
    activations_path,
    documents_path,
    representations_path,
    tokens_path,
    variant_folder,
)
from workflow_scripts.corpora.document import CorpusError
from workflow_scripts.steps.collect_documents import Parameters as DocumentParameters
from workflow_scripts.steps.collect_documents import collect_documents
from workflow_scripts.steps.collect_representations import Parameters as RepresentationParameters
from workflow_scripts.steps.collect_representations import collect_representations
from workflow_scripts.steps.compare_activations import Parameters as ActivationsCompared
from workflow_scripts.steps.compare_activations import compare_activations
from workflow_scripts.steps.compare_representations import Parameters as RepresentationsCompared
from workflow_scripts.steps.compare_representations import compare_representations
from workflow_scripts.steps.count_activations import Parameters as ActivationParameters
from workflow_scripts.steps.count_activations import count_activations
from workflow_scripts.steps.prepare_model import prepare_model
from workflow_scripts.steps.prune_model import Parameters as PruningParameters
from workflow_scripts.steps.prune_model import prune_model
from workflow_scripts.steps.tokenize_documents import tokenize_documents

LANGUAGES = ["aa", "bb", "cc"]
GRID = Grid(("tiny",), (), ("0.3", "0.6"), "none", "sequential", (), (), (0,), "", ())
VARIANTS = list(GRID.variants())
REPRESENTED, COUNTED = "letters-6", "letters-60x16"
COLLECT = RepresentationParameters(documents=6, batch=3, device="cpu")
COUNT = ActivationParameters(tokens=60, length=16, batch=2, device="cpu")


def write_parallel(folder, languages=LANGUAGES, sentences=3):
    """Documents whose sentences are as many in every language, of letters that tell the language."""
    folder.mkdir(parents=True)
    for number, language in enumerate(languages):
        generator = np.random.default_rng(number)
        letters = list("abcdefghijklmnopqrstuvwxyz")[8 * number : 8 * number + 10]
        rows = []
        for document in range(20):
            texts = ["".join(generator.choice(letters, 5 + 2 * place)) for place in range(sentences)]
            rows.append({"doc_id": f"{document:02d}", "text": " ".join(texts), "sentences": texts})
        (folder / f"{language}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A tiny model, magnitude masks of two ratios, and all that is seen inside of them."""
    folder = tmp_path_factory.mktemp("inside")
    results = folder / "results"
    prepare_model(record=record_of(results), checkpoint=sorted(save_checkpoint(folder / "given").iterdir()))
    for variant in VARIANTS[1:]:
        masks = variant_folder(results, "tiny", variant) / "masks.parquet"
        parameters = PruningParameters("magnitude", variant.pattern, device="cpu")
        prune_model(
            model=record_of(results), masks=masks, layers=masks.with_name("layers.parquet"), parameters=parameters
        )
    write_parallel(folder / "letters")
    for language in LANGUAGES:
        documents = documents_path(results, "letters", language)
        parameters = DocumentParameters("local", language)
        collect_documents(output=documents, parameters=parameters, path=str(folder / "letters"))
        tokens = tokens_path(results, "tiny", "letters", language)
        tokenize_documents(model=record_of(results), documents=documents, output=tokens)
        for variant in VARIANTS:
            collect(results, language, [variant])
            count(results, language, [variant])
    return results


def record_of(results):
    return results / "models/tiny/provenance.json"


def masks_of(results, variants):
    return [
        variant_folder(results, "tiny", variant) / "masks.parquet" for variant in variants if variant != Variant.dense()
    ]


def collect(results, language, variants, output=None, parameters=COLLECT):
    output = output or [representations_path(results, "tiny", variant, REPRESENTED, language) for variant in variants]
    documents, masks = documents_path(results, "letters", language), masks_of(results, variants)
    collect_representations(
        model=record_of(results), documents=documents, output=output, masks=masks, parameters=parameters
    )
    return output


def count(results, language, variants, output=None, parameters=COUNT):
    output = output or [activations_path(results, "tiny", variant, COUNTED, language) for variant in variants]
    tokens, masks = tokens_path(results, "tiny", "letters", language), masks_of(results, variants)
    count_activations(model=record_of(results), tokens=tokens, output=output, masks=masks, parameters=parameters)
    return output


@pytest.mark.parametrize(("step", "ending"), [(collect, "safetensors"), (count, "parquet")])
def test_variants_in_series_write_what_each_writes_alone(results, tmp_path, step, ending):
    pruned = VARIANTS[1:]
    series = step(results, "aa", pruned, [tmp_path / f"{number}.{ending}" for number in range(2)])
    alone = [step(results, "aa", [v], [tmp_path / f"a{n}.{ending}"])[0] for n, v in enumerate(pruned)]
    assert [path.read_bytes() for path in series] == [path.read_bytes() for path in alone]
    assert series[0].read_bytes() != series[1].read_bytes()
    before = series[0].stat().st_ino
    step(results, "aa", pruned, series)
    assert series[0].stat().st_ino == before


def test_more_zeros_make_more_noise(results):
    mild, usual = (
        load_file(representations_path(results, "tiny", variant, REPRESENTED, "bb")) for variant in VARIANTS[1:]
    )
    assert mild["pooled"].shape == (3, 18, 32) and mild["noise"].shape == (3, 18)
    assert (usual["noise"].sum(1) > mild["noise"].sum(1)).all() and (mild["noise"] > 0).all()
    np.testing.assert_array_equal(mild["power"], usual["power"])


def compared(results, folder, names, step, parameters):
    tables = [folder / f"{name}.parquet" for name in names]
    step(results=results, grid=json.dumps(vars(GRID)), parameters=parameters, tables=tables)
    return {path.stem: pl.read_parquet(path) for path in tables}


def representations(results, folder):
    names = ["evaluation_error_effects", "evaluation_errors", "subspace_ranks", "subspaces"]
    parameters = RepresentationsCompared("letters", 6, REPRESENTED, LANGUAGES, {})
    return compared(results, folder, names, compare_representations, parameters)


def test_the_error_of_a_subspace_is_that_of_projections_on_the_other_documents_languages(results, tmp_path):
    tables = representations(results, tmp_path)
    seen = {
        (variant.path, language): load_file(representations_path(results, "tiny", variant, REPRESENTED, language))[
            "pooled"
        ][1].astype(float)
        for variant in VARIANTS
        for language in LANGUAGES
    }
    document = np.repeat(np.arange(6), 3)
    sums = np.zeros((2, 2))
    for fold in (0, 1):
        measured, others = document % 2 == fold, document % 2 != fold
        means = np.array([seen["dense", language][others].mean(0) for language in LANGUAGES]).T
        basis = np.linalg.svd(means - means.mean(1, keepdims=True))[0][:, :2]
        dense, own = seen["dense", "cc"][measured], seen[VARIANTS[2].path, "cc"][measured]
        projection = basis @ basis.T
        for place, matrix in enumerate((projection, np.eye(32) - projection)):
            sums[place] += (((own - dense) @ matrix) ** 2).sum(), ((dense @ matrix) ** 2).sum()
    rows = tables["subspaces"].filter(pattern="0.6", language="cc", block=1, rank=2)
    for part, (error, energy) in zip(("specific", "agnostic"), sums, strict=True):
        assert rows.filter(part=part)["relative_error"].item() == pytest.approx(error / energy)
    whole = tables["subspaces"].filter(pattern="0.6", language="cc", block=1, part="whole")
    assert whole["relative_error"].item() == pytest.approx(sums[:, 0].sum() / sums[:, 1].sum())


def test_ranks_are_justified_on_held_out_documents(results, tmp_path):
    ranks = representations(results, tmp_path)["subspace_ranks"]
    assert ranks["rank"].to_list() == [1, 2] and ranks["chosen"].sum() == 1
    assert ranks["explained"].is_sorted() and ranks["explained"].max() < 1
    assert ranks["chance"].to_list() == [1 / 9] * 2


def test_errors_of_blocks_are_sums_over_all_tokens(results, tmp_path):
    errors = representations(results, tmp_path)["evaluation_errors"].filter(pattern="0.3", language="aa")
    kept = load_file(representations_path(results, "tiny", VARIANTS[1], REPRESENTED, "aa"))
    expected = kept["noise"].sum(1) / kept["power"].sum(1)
    np.testing.assert_allclose(errors["path_error"], expected)
    np.testing.assert_allclose(errors["signal_to_noise"], -10 * np.log10(expected))


def activations(results, folder, languages=LANGUAGES):
    names = ["lape_entropies", "neuron_overlap", "neurons", "neurons_by_block"]
    parameters = ActivationsCompared("letters", COUNTED, languages)
    return compared(results, folder, names, compare_activations, parameters)


def test_neurons_are_counted_as_by_hand(results, tmp_path):
    tables = activations(results, tmp_path)
    probability = {}
    for variant in VARIANTS:
        counts = [
            read_table(activations_path(results, "tiny", variant, COUNTED, name)).to_pylist() for name in LANGUAGES
        ]
        probability[variant.pattern] = [
            [(r["first"] + r["second"]) / 60 for r in rows] for rows in zip(*counts, strict=True)
        ]
    everything = sorted(value for row in probability["none"] for value in row)
    often = everything[round(0.95 * len(everything)) - 1]

    def entropy(row):
        return -sum(value / sum(row) * log(value / sum(row)) for value in row if value)

    cut = sorted(entropy(row) for row in probability["none"] if max(row) > often)[
        max(1, round(0.01 * len(everything) / 3)) - 1
    ]

    def chosen(rows, place):
        return {n for n, row in enumerate(rows) if sum(row) and entropy(row) <= cut + 1e-12 and row[place] > often}

    for variant in VARIANTS[1:]:
        for place, language in enumerate(LANGUAGES):
            before, after = chosen(probability["none"], place), chosen(probability[variant.pattern], place)
            row = tables["neurons"].filter(pattern=variant.pattern, language=language).to_dicts()[0]
            assert (row["dense"], row["pruned"], row["kept"]) == (len(before), len(after), len(before & after))
            assert (row["lost"], row["new"]) == (len(before - after), len(after - before))
    by_block = tables["neurons_by_block"].group_by("pattern", "calibration", "language").agg(pl.col("pruned").sum())
    whole = tables["neurons"].join(by_block, on=["pattern", "calibration", "language"], suffix="_sum")
    assert (whole["pruned"] == whole["pruned_sum"]).all() and whole.height == tables["neurons"].height


def test_the_dense_model_keeps_all_its_neurons_but_not_on_other_texts(results, tmp_path):
    dense = activations(results, tmp_path)["neurons"].filter(method="dense")
    assert dense.filter(calibration="none")["lost"].sum() == 0
    half = dense.filter(calibration="half of the texts")
    assert half.height == len(LANGUAGES) + 1 and half["kept"].sum() < half["dense"].sum()


def test_histograms_hold_every_neuron_that_fires_often(results, tmp_path):
    histogram = activations(results, tmp_path)["lape_entropies"]
    sums = histogram.group_by("method", "pattern").agg(pl.col("share", "dense_share").sum(), pl.col("high").max())
    np.testing.assert_allclose(sums["share"], 1)
    np.testing.assert_allclose(sums["dense_share"], 1)
    np.testing.assert_allclose(sums["high"], log(3))


def test_sentences_that_are_not_parallel_are_refused_with_the_document(results, tmp_path):
    other = tmp_path / "results"
    write_parallel(tmp_path / "odd", ["aa"], sentences=2)
    write_parallel(tmp_path / "even", ["bb"])
    for language, folder in (("aa", "odd"), ("bb", "even")):
        parameters = DocumentParameters("local", language)
        collect_documents(
            output=documents_path(other, "letters", language), parameters=parameters, path=str(tmp_path / folder)
        )
    parameters = RepresentationsCompared("letters", 6, REPRESENTED, ["aa", "bb"], {})
    with pytest.raises(CorpusError, match="sentences of bb and aa are not parallel, they differ in document '"):
        compared(other, tmp_path, ["subspaces"], compare_representations, parameters)


def test_a_file_in_the_place_of_another_is_refused(results, tmp_path):
    path = activations_path(results, "tiny", VARIANTS[1], COUNTED, "aa")
    kept = path.read_bytes()
    try:
        path.write_bytes(activations_path(results, "tiny", VARIANTS[2], COUNTED, "aa").read_bytes())
        with pytest.raises(ArtifactError, match="were made of the same inputs"):
            activations(results, tmp_path)
    finally:
        path.write_bytes(kept)


def test_too_few_tokens_or_documents_are_refused_with_the_numbers(results, tmp_path):
    with pytest.raises(ValueError, match="fewer than the 50000 that half of evaluation.activations.tokens is"):
        count(results, "aa", VARIANTS[:1], [tmp_path / "x.parquet"], ActivationParameters(100_000, 16, device="cpu"))
    with pytest.raises(CorpusError, match="fewer than the 99 of evaluation.representations.documents"):
        collect(results, "aa", VARIANTS[:1], [tmp_path / "x.safetensors"], RepresentationParameters(99, device="cpu"))
