"""Likeness of inputs by their norms: against a plain correlation, and read from files side by side."""

import numpy as np
import pyarrow as pa
import pytest

from workflow_scripts.artifacts.files import write_table
from workflow_scripts.masks import inputs
from workflow_scripts.masks.inputs import correlations, similarities
from workflow_scripts.pruning.layers import LAYERS_SCHEMA


def test_correlations_are_those_of_logarithms():
    norms = np.random.default_rng(0).lognormal(size=(3, 50))
    found = correlations(list(norms))
    assert found == pytest.approx(np.corrcoef(np.log(norms)))


def test_a_common_factor_does_nothing_and_a_dead_feature_is_left_out():
    norms = np.random.default_rng(1).lognormal(size=20)
    other = 7 * norms
    assert correlations([norms, other])[0, 1] == pytest.approx(1)
    other[3] = 0
    assert correlations([norms, other])[0, 1] == pytest.approx(1)


def test_without_norms_or_without_differences_there_is_no_correlation():
    norms = np.random.default_rng(2).lognormal(size=20)
    found = correlations([norms, None, np.full(20, 3.0), np.zeros(20)])
    assert np.isnan(found).all()
    found = correlations([norms, None, np.full(20, 0.1)])
    assert found[0, 0] == pytest.approx(1)
    assert np.isnan(found[0, 1]) and np.isnan(found[0, 2])
    assert np.isnan(correlations([None, None])).all()


def write(path, norms, modules=("q_proj", "down_proj", "experts.0.up_proj")):
    rows = [
        {"block": 0, "module": module, "sparsity": 0.5, "criterion": "wanda", "input_norms": values}
        for module, values in zip(modules, norms, strict=True)
    ]
    write_table(path, pa.Table.from_pylist(rows, schema=LAYERS_SCHEMA), {})
    return path


@pytest.mark.parametrize("at_a_time", [1, 2, 64])
def test_files_are_read_side_by_side(tmp_path, monkeypatch, at_a_time):
    monkeypatch.setattr(inputs, "AT_A_TIME", at_a_time)
    rng = np.random.default_rng(3)
    a, b = ([rng.lognormal(size=8).astype(np.float32), rng.lognormal(size=12).astype(np.float32)] for _ in "ab")
    files = {"a": write(tmp_path / "a.parquet", [*a, None]), "b": write(tmp_path / "b.parquet", [*b, a[0]])}
    similarity = similarities(files)
    for number, module in enumerate(["q_proj", "down_proj"]):
        expected = np.corrcoef(np.log(a[number].astype(float)), np.log(b[number].astype(float)))[0, 1]
        assert similarity("a", "b", 0, module) == pytest.approx(expected)
    assert similarity("a", "b", 0, "experts.0.up_proj") is None
    assert similarity("a", "magnitude", 0, "q_proj") is None


def test_other_linears_are_refused(tmp_path):
    norms = [np.ones(4), np.ones(4), None]
    files = {
        "a": write(tmp_path / "a.parquet", norms),
        "b": write(tmp_path / "b.parquet", norms, ("down_proj", "q_proj", "experts.0.up_proj")),
    }
    with pytest.raises(ValueError, match="do not hold the same linears"):
        similarities(files)
