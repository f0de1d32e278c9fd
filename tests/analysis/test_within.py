"""Differences within single masks."""

import pytest
from simulated_study import simulate

from workflow_scripts.analysis.bootstrap import mask_interval
from workflow_scripts.analysis.effects import compare, losses
from workflow_scripts.analysis.within import WITHIN_MASK, within_mask


@pytest.mark.parametrize("seeds", [1, 2])
def test_each_pair_of_masks_has_an_interval_of_its_own(seeds):
    rows = losses(simulate(seeds=seeds)[0])
    effects = compare(rows, {"de", "en", "sw"}, {"de", "en", "sw"})
    found = within_mask(rows, effects)
    assert found.schema == WITHIN_MASK
    assert found.height == seeds * effects.height
    row = found.filter(method="wanda", own="sw", other="en", seed=seeds - 1).row(0, named=True)
    of_seed = rows.filter(method="wanda", language="sw", seed=seeds - 1)
    sides = [of_seed.filter(calibration=name).sort("doc_id")["loss"] for name in ("sw", "en")]
    expected = mask_interval((sides[0] - sides[1]).to_numpy())
    assert (row["difference"], row["low"], row["high"]) == pytest.approx(expected[:3])
    assert (row["documents"], row["clusters"], row["unit"]) == (16, 16, "bits per byte")


def test_where_a_language_has_an_interval_there_is_none(study):
    rows = losses(study[0])
    assert within_mask(rows, compare(rows, {"de", "en"}, {"de", "en"})).is_empty()
