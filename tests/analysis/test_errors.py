"""Errors of linears: means over seeds, their spread, and what a missing value leaves."""

import math

import polars as pl
import pytest
from simulated_study import simulate_layers

from workflow_scripts.analysis.errors import error_by_block, layer_errors


@pytest.fixture(scope="module")
def layers():
    return simulate_layers(blocks=3)


def test_a_linear_is_averaged_over_seeds(layers):
    found = layer_errors(layers)
    assert found.height == 2 * 3 * 3 * 7
    place = {"method": "wanda", "calibration": "sw", "block": 1, "module": "self_attn.q_proj"}
    own = layers.filter(**place)
    row = found.row(by_predicate=pl.all_horizontal(pl.col(k) == v for k, v in place.items()), named=True)
    assert row["seeds"] == own.height == 3
    for measure in ("local_error", "path_error", "signal_to_noise"):
        assert row[measure] == pytest.approx(own[measure].mean())
        assert (row[f"{measure}_min"], row[f"{measure}_max"]) == (own[measure].min(), own[measure].max())


def test_a_block_is_the_mean_of_its_linears_and_its_spread_that_of_seeds(layers):
    found = error_by_block(layers)
    assert found.height == 2 * 3 * 3
    place = {"method": "sparsegpt", "calibration": "de", "block": 2}
    seeds = layers.filter(**place).group_by("seed").agg(pl.col("path_error").mean())["path_error"]
    row = found.filter(**place).row(0, named=True)
    assert row["path_error"] == pytest.approx(seeds.mean())
    assert (row["path_error_min"], row["path_error_max"]) == pytest.approx((seeds.min(), seeds.max()))


def test_order_of_rows_does_not_matter(layers):
    shuffled = layers.sample(fraction=1, shuffle=True, seed=3)
    assert error_by_block(shuffled).equals(error_by_block(layers))
    assert layer_errors(shuffled).equals(layer_errors(layers))


def test_what_a_seed_lacks_is_null_and_touches_nothing_else(layers):
    gone = (pl.col("seed") == 1) & (pl.col("block") == 0) & (pl.col("module") == "mlp.up_proj")
    holed = layers.with_columns(local_error=pl.when(gone).then(pl.lit(math.nan)).otherwise(pl.col("local_error")))
    for found, count in ((layer_errors(holed), 2 * 3), (error_by_block(holed), 2 * 3)):
        null = found.filter(pl.col("local_error").is_null())
        assert null.height == count
        assert null["local_error_min"].null_count() == null["local_error_max"].null_count() == count
        assert found["path_error"].null_count() == 0
        assert not found["local_error"].is_nan().any()


def test_experts_count_where_they_have_the_measure(layers):
    """One linear becomes an expert's: without a path error, and in one seed without any."""
    name = pl.col("module").replace({"mlp.up_proj": "mlp.experts.0.up_proj"})
    expert = pl.col("module") == "mlp.up_proj"
    lost = expert & (pl.col("seed") == 1)
    none = pl.lit(math.nan)
    holed = layers.with_columns(
        name,
        local_error=pl.when(lost).then(none).otherwise(pl.col("local_error")),
        path_error=pl.when(expert).then(none).otherwise(pl.col("path_error")),
    )
    found, without = error_by_block(holed), error_by_block(layers.filter(~expert))
    assert found["local_error"].null_count() == found["path_error"].null_count() == 0
    assert found["path_error"].to_list() == pytest.approx(without["path_error"].to_list())
