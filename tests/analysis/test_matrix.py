"""The matrix: units by hand, the dense model beside every row, and refusal of unlike documents."""

import math

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from simulated_study import published

from workflow_scripts.analysis.matrix import matrix, mean_matrix


def only(rows: pl.DataFrame, **values) -> dict:
    """The one row with these values."""
    return rows.row(by_predicate=pl.all_horizontal(pl.col(k) == v for k, v in values.items()), named=True)


def first_document_of(variant: str) -> pl.Expr:
    return (pl.col("variant") == variant) & (pl.col("doc_id") == "de-000")


def test_units_by_hand(study):
    perplexity, _ = study
    of_cell = perplexity.filter(method="wanda", calibration="sw", seed=1, language="de")
    dense = perplexity.filter(method="dense", language="de")
    row = only(matrix(perplexity), method="wanda", calibration="sw", seed=1, language="de")
    nats, tokens = math.fsum(of_cell["nats"]), sum(of_cell["tokens"])
    assert row["documents"] == 16
    assert row["perplexity"] == pytest.approx(math.exp(nats / tokens))
    assert row["bits_per_byte"] == pytest.approx(nats / math.log(2) / sum(of_cell["bytes"]))
    assert row["dense_nats"] == pytest.approx(math.fsum(dense["nats"]))
    assert row["ratio_to_dense"] == pytest.approx(
        math.exp(nats / tokens) / math.exp(math.fsum(dense["nats"]) / sum(dense["tokens"]))
    )


def test_windows_of_unknown_size_have_no_bits_per_byte(study):
    sized, unsized = matrix(study[0]), matrix(published(study[0]))
    assert set(sized["unit"]) == {"bits per byte"}
    assert set(unsized["unit"]) == {"nats per token"}
    assert unsized["bits_per_byte"].null_count() == unsized.height
    assert unsized["perplexity"].to_list() == sized["perplexity"].to_list()
    mean = mean_matrix(unsized)
    assert set(mean["unit"]) == {"nats per token"}
    assert mean["bits_per_byte"].null_count() == mean["bits_per_byte_max"].null_count() == mean.height


def test_each_corpus_has_its_own_unit(study):
    other = published(study[0]).with_columns(corpus=pl.lit("embedded-16x512-published"))
    rows = matrix(pl.concat([study[0], other]))
    assert set(rows.select("corpus", "unit").rows()) == {
        ("embedded-16x512", "bits per byte"),
        ("embedded-16x512-published", "nats per token"),
    }


def test_dense_and_magnitude_are_there(study):
    rows = matrix(study[0])
    assert rows.height == 3 * (1 + 1 + 2 * 3 * 3)
    assert set(rows.filter(method="dense")["ratio_to_dense"]) == {1.0}
    assert rows.filter(method="magnitude").height == 3


def test_mean_matrix_over_seeds(study):
    rows = matrix(study[0])
    mean = only(mean_matrix(rows), method="sparsegpt", calibration="en", language="sw")
    seeds = rows.filter(method="sparsegpt", calibration="en", language="sw")["ratio_to_dense"]
    assert mean["seeds"] == 3
    assert mean["ratio_to_dense"] == pytest.approx(sum(seeds) / 3)
    assert (mean["ratio_to_dense_min"], mean["ratio_to_dense_max"]) == (min(seeds), max(seeds))


def test_order_of_rows_does_not_matter(study):
    perplexity, _ = study
    assert_frame_equal(
        matrix(perplexity.sample(fraction=1, shuffle=True, seed=3)), matrix(perplexity), check_exact=True
    )


def test_a_missing_document_is_refused(study):
    variant = "magnitude/0.5/none/none/0"
    with pytest.raises(ValueError, match="magnitude.*in de.*other documents"):
        matrix(study[0].filter(~first_document_of(variant)))


def test_a_missing_dense_document_is_refused(study):
    with pytest.raises(ValueError, match="other documents"):
        matrix(study[0].filter(~first_document_of("dense")))


@pytest.mark.parametrize("column", ["tokens", "bytes"])
def test_another_text_under_the_same_name_is_refused(study, column):
    longer = pl.when(first_document_of("magnitude/0.5/none/none/0")).then(pl.col(column) + 1).otherwise(pl.col(column))
    with pytest.raises(ValueError, match="other documents"):
        matrix(study[0].with_columns(longer))


def test_a_missing_dense_model_is_refused(study):
    with pytest.raises(ValueError, match="dense model was not measured"):
        matrix(study[0].filter(pl.col("method") != "dense"))


def test_a_document_measured_twice_is_refused(study):
    with pytest.raises(ValueError, match="de-000 is there twice"):
        matrix(pl.concat([study[0], study[0].filter(first_document_of("dense"))]))


def test_an_empty_table_is_refused(study):
    with pytest.raises(ValueError, match="empty"):
        matrix(study[0].clear())
