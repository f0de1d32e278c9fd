"""Overlap: the counts on packed bits are those of plain boolean matrices."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from workflow_scripts.masks import overlap as overlap_module
from workflow_scripts.masks.overlap import overlap, overlaps
from workflow_scripts.masks.store import MaskStore, MaskWriter

Masks = dict[tuple[int, str], np.ndarray]
COLUMNS = ["block", "module", "kept_a", "kept_b", "intersection", "union", "iou"]


def stored(path: Path, masks: Masks) -> MaskStore:
    with MaskWriter(path, {"step": "prune_model"}) as writer:
        for (block, module), mask in masks.items():
            writer.write(block, module, mask)
    return MaskStore(path)


def random_masks(seed: int) -> Masks:
    generator = np.random.default_rng(seed)
    return {(b, m): generator.random((5, 21)) < 0.4 for b in (1, 0) for m in ("mlp.up_proj", "mlp.down_proj")}


@st.composite
def two_variants(draw: st.DrawFn) -> tuple[Masks, Masks]:
    shape = st.tuples(st.integers(1, 12), st.integers(1, 35))
    linear = st.tuples(st.integers(0, 9), st.sampled_from(["q", "v"]))
    shapes = draw(st.dictionaries(linear, shape, min_size=1, max_size=3))
    a, b = ({key: draw(arrays(np.bool_, shape)) for key, shape in shapes.items()} for _ in range(2))
    return a, b


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(two_variants())
def test_overlap_is_the_naive_count(tmp_path: Path, variants: tuple[Masks, Masks]) -> None:
    a, b = variants
    expected = []
    for (block, module), mask in a.items():
        other = b[block, module]
        both, either = int((mask & other).sum()), int((mask | other).sum())
        iou = both / either if either else 1.0
        expected.append((block, module, int(mask.sum()), int(other.sum()), both, either, iou))
    with stored(tmp_path / "a.parquet", a) as store_a, stored(tmp_path / "b.parquet", b) as store_b:
        table = overlap(store_a, store_b)
    assert table.columns == COLUMNS
    assert table.rows() == expected


def test_a_mask_overlaps_itself_wholly_and_its_complement_not_at_all(tmp_path: Path) -> None:
    masks = random_masks(0)
    store = stored(tmp_path / "a.parquet", masks)
    complement = stored(tmp_path / "b.parquet", {key: ~mask for key, mask in masks.items()})
    assert overlap(store, store)["iou"].to_list() == [1.0] * 4
    assert overlap(store, complement)["intersection"].to_list() == [0] * 4
    assert overlap(store, complement)["union"].to_list() == [105] * 4


def test_linears_may_be_stored_in_another_order(tmp_path: Path) -> None:
    a, b = random_masks(0), random_masks(1)
    store_a, store_b = stored(tmp_path / "a.parquet", a), stored(tmp_path / "b.parquet", b)
    reversed_b = stored(tmp_path / "c.parquet", dict(reversed(b.items())))
    assert overlap(store_a, store_b).equals(overlap(store_a, reversed_b))


def test_pairs_of_many_stores_are_the_single_overlaps(tmp_path: Path) -> None:
    stores = {name: stored(tmp_path / f"{name}.parquet", random_masks(i)) for i, name in enumerate("xyz")}
    pairs = [("z", "x"), ("x", "y"), ("x", "x")]
    table = overlaps(stores, pairs)
    assert table.columns == ["a", "b", *COLUMNS]
    single = [
        overlap(stores[a], stores[b]).select(pl.lit(a).alias("a"), pl.lit(b).alias("b"), pl.all()) for a, b in pairs
    ]
    assert table.equals(pl.concat(single))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("piece", [1, 13, 16, 64])
def test_pieces_and_threads_change_no_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int, threads: int
) -> None:
    masks = {name: random_masks(i) for i, name in enumerate("wxyz")}
    stores = {name: stored(tmp_path / f"{name}.parquet", held) for name, held in masks.items()}
    monkeypatch.setattr(overlap_module, "PIECE", piece)
    pairs = [("z", "x"), ("y", "y"), ("w", "z")]
    naive = [int((masks[a][key] & masks[b][key]).sum()) for a, b in pairs for key in masks["z"]]
    assert overlaps(stores, pairs, threads)["intersection"].to_list() == naive


def test_each_linear_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[tuple[str, int, str]] = []
    packed = MaskStore.packed

    def counted(store: MaskStore, block: int, module: str) -> np.ndarray:
        reads.append((store.path.stem, block, module))
        return packed(store, block, module)

    monkeypatch.setattr(MaskStore, "packed", counted)
    stores = {name: stored(tmp_path / f"{name}.parquet", random_masks(i)) for i, name in enumerate("wxyz")}
    stores["again"] = stores["x"]
    overlaps(stores, [("x", "y"), ("y", "z"), ("x", "z"), ("x", "x"), ("again", "y")])
    assert len(reads) == len(set(reads)) == 3 * 4
    # Linear by linear over all stores, so that memory holds one linear of each.
    assert [(block, module) for _, block, module in reads] == [key for key in random_masks(0) for _ in range(3)]


def test_no_pairs_give_an_empty_table(tmp_path: Path) -> None:
    table = overlaps({"x": stored(tmp_path / "x.parquet", random_masks(0))}, [])
    assert table.columns == ["a", "b", *COLUMNS]
    assert table.is_empty()


@pytest.mark.parametrize("change", ["absent", "shape"])
def test_stores_of_other_linears_are_refused(tmp_path: Path, change: str) -> None:
    masks, other = random_masks(0), random_masks(0)
    del other[1, "mlp.up_proj"]
    if change == "shape":
        # As many bytes as the original: only the shape tells them apart.
        other[1, "mlp.up_proj"] = np.ones((5, 22), bool)
    a, b = stored(tmp_path / "a.parquet", masks), stored(tmp_path / "b.parquet", other)
    for first, second in ((a, b), (b, a)):
        with pytest.raises(ValueError, match="do not hold the same linears, block 1 mlp.up_proj is not in both"):
            overlap(first, second)


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No mask store is named 'q': the pairs may name x."):
        overlaps({"x": stored(tmp_path / "x.parquet", random_masks(0))}, [("x", "q")])
