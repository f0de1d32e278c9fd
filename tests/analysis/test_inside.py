"""Tables of subspaces, errors and neurons: planted differences are found, and rows are complete."""

import numpy as np
import polars as pl
import pytest
from simulated_inside import DOCUMENTS, HIDDEN, simulate_inside

from workflow_scripts.analysis.representations import Reference, Seen, error_rows


@pytest.fixture(scope="module")
def tables():
    return simulate_inside()


def planted(where: str) -> tuple[Reference, Seen]:
    """Three languages whose means differ in two directions, and an error in those or across them alone."""
    rng = np.random.default_rng(3)
    axes = np.linalg.qr(rng.standard_normal((HIDDEN, HIDDEN)))[0]
    language_axes, meaning_axes = axes[:, :2], axes[:, 2:]
    even = np.array([int(name) % 2 == 0 for name in DOCUMENTS])

    def meaning() -> np.ndarray:
        # Without a mean in either half, so that the means of languages lie in their directions alone.
        values = rng.standard_normal((len(DOCUMENTS), HIDDEN - 2))
        for half in (even, ~even):
            values[half] -= values[half].mean(axis=0)
        return values

    pooled = {
        name: (meaning() @ meaning_axes.T + language_axes @ offset)[None]
        for name, offset in zip("abc", 5 * rng.standard_normal((3, 2)), strict=True)
    }
    zeros = {name: np.zeros((1, len(DOCUMENTS))) for name in pooled}
    chosen = language_axes if where == "specific" else meaning_axes
    error = rng.standard_normal((1, len(DOCUMENTS), chosen.shape[1])) @ chosen.T
    pruned = {name: values + error for name, values in pooled.items()}
    return Reference(Seen(pooled, zeros, zeros), DOCUMENTS), Seen(pruned, zeros, zeros)


@pytest.mark.parametrize("where", ["specific", "agnostic"])
def test_a_planted_error_is_found_where_it_is(where):
    reference, pruned = planted(where)
    assert reference.chosen <= 2
    rows = pl.DataFrame(error_rows(pruned, reference)).filter(pl.col("rank") == 2)
    there, elsewhere = (rows.filter(part=part)["relative_error"] for part in (where, other_part(where)))
    assert there.min() > 1e-3 and elsewhere.max() < 1e-20


def test_an_error_without_direction_has_the_share_of_random_subspaces():
    """Although over the spread of loud language directions it is far smaller than elsewhere."""
    reference, pruned = planted("specific")
    rng = np.random.default_rng(5)
    noisy = {name: values + 0.3 * rng.standard_normal(values.shape) for name, values in reference.dense.pooled.items()}
    rows = pl.DataFrame(error_rows(Seen(noisy, pruned.power, pruned.noise), reference)).filter(pl.col("rank") == 2)
    share, spread = (
        dict(rows.group_by("part").agg(pl.col(name).mean()).iter_rows()) for name in ("error_share", "spread_error")
    )
    assert share["specific"] == pytest.approx(share["random"], rel=0.2)
    assert share["random"] == pytest.approx(2 / HIDDEN, rel=0.2)
    assert share["specific"] + share["agnostic"] == pytest.approx(1)
    assert spread["specific"] < 0.5 * spread["random"] and spread["random"] < spread["agnostic"]
    aimed = pl.DataFrame(error_rows(pruned, reference)).filter(pl.col("rank") == 2, pl.col("part") == "specific")
    assert aimed["error_share"].min() == pytest.approx(1)


def other_part(part: str) -> str:
    return {"specific": "agnostic", "agnostic": "specific"}[part]


def test_parts_of_an_error_add_up_to_the_whole(tables):
    """Error is relative to each part's energy, so that the whole lies between the two."""
    rows = tables["subspaces"].filter(pl.col("chosen"))
    wide = rows.pivot(on="part", index=["method", "calibration", "language", "block"], values="relative_error")
    low, high = pl.min_horizontal("specific", "agnostic"), pl.max_horizontal("specific", "agnostic")
    assert wide.select(pl.col("whole").is_between(low, high).all()).item()
    assert wide.height == (1 + 2 * 3) * 3 * 4


def test_the_own_calibration_has_less_noise(tables):
    effects = tables["evaluation_error_effects"]
    assert effects.height == 2 * 3 * 2 and (effects["high"] < 0).all() and (effects["unit"] == "dB of noise").all()
    assert effects["difference"].mean() == pytest.approx(20 * np.log10(0.2 / 0.3), abs=0.2)
    assert effects["own_loss"].null_count() == effects.height


def test_every_table_has_its_rows(tables):
    errors = tables["evaluation_errors"]
    assert errors.height == (1 + 2 * 3) * 3 * 4
    assert errors.select((pl.col("signal_to_noise_min") <= pl.col("signal_to_noise_max")).all()).item()
    assert set(tables["neurons"]["language"]) == {"de", "en", "sw", "agnostic"}
    assert tables["neurons"].height == (2 + 1 + 2 * 3) * 4
    assert tables["neuron_overlap"].height == (1 + 1 + 2 * 3) * 3
    assert tables["lape_entropies"].height == (1 + 1 + 2 * 3) * 40


def test_kept_lost_and_new_add_up(tables):
    rows = tables["neurons"]
    assert rows.select((pl.col("kept") + pl.col("lost") - pl.col("dense")).abs().max()).item() < 1e-9
    assert rows.select((pl.col("kept") + pl.col("new") - pl.col("pruned")).abs().max()).item() < 1e-9
    half = rows.filter(pl.col("calibration") == "half of the texts")
    assert half.height == 4 and (half["kept_share"] < 1).any()


def test_one_document_is_refused():
    reference, _ = planted("specific")
    with pytest.raises(ValueError, match="there is one document: raise evaluation.representations.documents"):
        Reference(reference.dense, ["00"] * len(DOCUMENTS))
