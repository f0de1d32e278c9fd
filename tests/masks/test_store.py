"""The mask store: what is written comes back, equal inputs give equal bytes, and damage is never read as a mask."""

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from workflow_scripts.artifacts.files import ArtifactError, read_provenance, write_table
from workflow_scripts.masks import store as store_module
from workflow_scripts.masks.packing import pack
from workflow_scripts.masks.store import Linear, LinearNotFound, MaskStore, MaskWriter

PROVENANCE = {"step": "prune_model", "parameters": {"seed": 3, "language": "sw"}, "note": "ß 中"}
Masks = dict[tuple[int, str], np.ndarray]

masks_of_variants = st.dictionaries(
    st.tuples(st.integers(0, 99), st.sampled_from(["self_attn.q_proj", "mlp.up_proj", "mlp.down_proj", "ü"])),
    arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=35)),
    max_size=5,
)
# One folder a test is enough: every example writes its files anew.
several_examples = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def write(path: Path, masks: Masks) -> Path:
    with MaskWriter(path, PROVENANCE) as writer:
        for (block, module), mask in masks.items():
            writer.write(block, module, mask)
    return path


def random_masks(seed: int = 0) -> Masks:
    generator = np.random.default_rng(seed)
    shapes = {"self_attn.q_proj": (6, 13), "mlp.up_proj": (1, 40)}
    return {(b, m): generator.random(shape) < 0.5 for b in range(2) for m, shape in shapes.items()}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("good") / "masks.parquet", random_masks())


def content(path: Path) -> tuple:
    """All that can be read from a store."""
    with MaskStore(path) as store:
        return store.provenance, store.linears, [mask.tobytes() for _, mask in store]


# What is written comes back


@several_examples
@given(masks_of_variants)
def test_masks_order_and_provenance_come_back(tmp_path: Path, masks: Masks) -> None:
    with MaskStore(write(tmp_path / "masks.parquet", masks)) as store:
        assert store.provenance == PROVENANCE
        assert store.linears == [Linear(b, m, *mask.shape, kept=mask.sum()) for (b, m), mask in masks.items()]
        assert len(store) == len(masks)
        for (linear, streamed), ((block, module), mask) in zip(store, masks.items(), strict=True):
            assert (linear.block, linear.module) == (block, module)
            read = store.read(block, module)
            assert read.dtype == np.bool_
            assert np.array_equal(read, mask)
            assert np.array_equal(streamed, mask)
            assert np.array_equal(store.packed(block, module), pack(mask))


@several_examples
@given(masks_of_variants)
def test_equal_inputs_give_equal_bytes(tmp_path: Path, masks: Masks) -> None:
    first = write(tmp_path / "a.parquet", masks)
    copies = {key: np.asfortranarray(mask) for key, mask in masks.items()}
    assert first.read_bytes() == write(tmp_path / "elsewhere" / "b.parquet", copies).read_bytes()


def test_the_provenance_is_found_by_the_common_reader(good: Path) -> None:
    assert read_provenance(good) == PROVENANCE


def test_a_torch_mask_is_taken(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    mask = torch.arange(30).reshape(3, 10) % 3 == 0
    with MaskStore(write(tmp_path / "masks.parquet", {(0, "q"): mask})) as store:
        assert np.array_equal(store.read(0, "q"), mask.numpy())


def test_other_readers_see_the_documented_columns(good: Path) -> None:
    table = pl.read_parquet(good)
    assert dict(table.schema) == {
        "block": pl.Int32,
        "module": pl.String,
        "out_features": pl.Int32,
        "in_features": pl.Int32,
        "kept": pl.Int64,
        "packed": pl.Binary,
    }
    assert table["packed"][0] == pack(random_masks()[0, "self_attn.q_proj"]).tobytes()
    metadata = pq.read_schema(good).metadata
    assert metadata[b"bit_order"] == b"little"
    assert metadata[b"mask_store_version"] == b"1"


def test_masks_are_read_from_their_own_row_group_only(tmp_path: Path) -> None:
    path = write(tmp_path / "masks.parquet", random_masks())
    assert pq.read_metadata(path).num_row_groups == 4
    page = pq.read_metadata(path).row_group(1).column(5)
    flip(path, 8 * (page.data_page_offset + page.total_compressed_size - 1))
    with MaskStore(path) as store:
        assert np.array_equal(store.read(1, "mlp.up_proj"), random_masks()[1, "mlp.up_proj"])
        with pytest.raises(ArtifactError, match="masks.parquet is damaged"):
            store.read(0, "mlp.up_proj")


# What is refused on writing


def test_a_linear_is_written_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="block 0 q is in .* already"), MaskWriter(tmp_path / "m.parquet", {}) as w:
        w.write(0, "q", np.ones((2, 2), bool))
        w.write(np.int64(0), "q", np.ones((2, 2), bool))


@pytest.mark.parametrize("mask", [np.ones((2, 2)), np.ones((2, 2), np.uint8), [[1, 0]]])
def test_only_boolean_masks_are_written(tmp_path: Path, mask: object) -> None:
    with pytest.raises(TypeError, match="block 7 q is .*, not boolean"), MaskWriter(tmp_path / "m.parquet", {}) as w:
        w.write(7, "q", mask)


@pytest.mark.parametrize("shape", [(4,), (2, 2, 2), (0, 4), (4, 0)])
def test_only_matrices_are_written(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must be .out_features"), MaskWriter(tmp_path / "m.parquet", {}) as w:
        w.write(0, "q", np.ones(shape, bool))


@pytest.mark.parametrize(("block", "module"), [(-1, "q"), (0, "")])
def test_linears_need_a_name(tmp_path: Path, block: int, module: str) -> None:
    with pytest.raises(ValueError, match="needs a block"), MaskWriter(tmp_path / "m.parquet", {}) as writer:
        writer.write(block, module, np.ones((2, 2), bool))


def test_nothing_appears_when_writing_fails(tmp_path: Path) -> None:
    path = write(tmp_path / "m.parquet", random_masks())
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match="stop"), MaskWriter(path, {}) as writer:
        writer.write(0, "q", np.ones((2, 2), bool))
        raise RuntimeError("stop")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_works_in_its_block_only(tmp_path: Path) -> None:
    writer = MaskWriter(tmp_path / "m.parquet", {})
    with pytest.raises(ValueError, match="is closed"):
        writer.write(0, "q", np.ones((2, 2), bool))
    with writer:
        pass
    with pytest.raises(ValueError, match="is closed"):
        writer.write(0, "q", np.ones((2, 2), bool))
    assert len(MaskStore(tmp_path / "m.parquet")) == 0


# What is refused on reading


def test_a_linear_that_is_not_there_names_the_closest(good: Path) -> None:
    store = MaskStore(good)
    for read in (store.read, store.packed, store.linear):
        with pytest.raises(LinearNotFound, match="no mask of block 1 mlp.up: the closest is block 1 mlp.up_proj.$"):
            read(1, "mlp.up")
    with pytest.raises(KeyError, match="the closest is block 1 self_attn.q_proj") as raised:
        store.read(9, "self_attn.q_proj")
    assert str(raised.value).startswith(str(good))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="absent.parquet is not a file: run the step"):
        MaskStore(tmp_path / "absent.parquet")


def test_foreign_files_are_refused(tmp_path: Path, good: Path) -> None:
    text, table, rewritten = (tmp_path / f"{name}.parquet" for name in ("text", "table", "rewritten"))
    text.write_text("not Parquet at all")
    write_table(table, pa.table({"doc_id": ["a"]}), PROVENANCE)
    pl.read_parquet(good).write_parquet(rewritten)
    for path in (text, table, rewritten):
        with pytest.raises(ArtifactError, match=f"{path.name} is damaged or not a mask store .*: delete it"):
            MaskStore(path)


def test_a_newer_format_asks_for_a_newer_polyprune(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "FORMAT_VERSION", 2)
    path = write(tmp_path / "m.parquet", random_masks())
    monkeypatch.undo()
    with pytest.raises(ArtifactError, match="m.parquet is a mask store of format 2, .* install a newer polyprune"):
        MaskStore(path)


@pytest.mark.parametrize(
    ("packed", "kept"),
    [
        (np.array([[0b11, 0]], np.uint8), 3),  # another number of ones than kept
        (np.array([[0b11, 0b100]], np.uint8), 3),  # a one in the padding
        (np.array([[0b111]], np.uint8), 3),  # too short for its shape
        (np.array([[0b111, 0, 0]], np.uint8), 3),  # too long
    ],
)
def test_bits_that_contradict_their_row_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: np.ndarray, kept: int
) -> None:
    monkeypatch.setattr(store_module, "pack", lambda mask: packed)
    monkeypatch.setattr(store_module, "count_ones", lambda packed: kept)
    path = write(tmp_path / "m.parquet", {(0, "q"): np.ones((1, 10), bool)})
    monkeypatch.undo()
    with pytest.raises(ArtifactError, match="m.parquet is damaged .*block 0 q has not the"):
        MaskStore(path).read(0, "q")


def test_an_open_store_holds_no_more_than_what_was_taken_from_it(tmp_path: Path) -> None:
    masks = {(0, "q"): np.ones((500, 8000), bool), (1, "q"): np.zeros((500, 8000), bool)}
    size = 500 * 1000
    with MaskStore(write(tmp_path / "m.parquet", masks)) as store:
        before = pa.total_allocated_bytes()
        first = store.packed(0, "q")
        assert size <= pa.total_allocated_bytes() - before < 1.1 * size
        second = store.packed(1, "q")
        assert 2 * size <= pa.total_allocated_bytes() - before < 2.1 * size
        assert first.all() and not second.any()
        del first, second
        assert pa.total_allocated_bytes() - before < 0.1 * size


# Damage


def flip(path: Path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << (bit % 8)
    path.write_bytes(data)


def refused_or_unchanged(path: Path, expected: tuple) -> bool:
    """Whether a damaged file is refused, or the damage touched nothing that is read."""
    try:
        return content(path) == expected
    except ArtifactError:
        return True


@settings(several_examples, max_examples=300)
@given(st.floats(0, 1, exclude_max=True))
def test_no_flipped_bit_changes_what_is_read(tmp_path: Path, good: Path, place: float) -> None:
    path = tmp_path / "flipped.parquet"
    path.write_bytes(good.read_bytes())
    flip(path, int(place * 8 * path.stat().st_size))
    assert refused_or_unchanged(path, content(good))


def test_every_flipped_bit_of_a_mask_is_found(tmp_path: Path, good: Path) -> None:
    path = tmp_path / "flipped.parquet"
    page = pq.read_metadata(good).row_group(0).column(5)
    # The length of the bits comes first (4 bytes), then the bits: 6 rows of 2 bytes.
    end = page.data_page_offset + page.total_compressed_size
    for bit in range(8 * (end - 12), 8 * end):
        path.write_bytes(good.read_bytes())
        flip(path, bit)
        with pytest.raises(ArtifactError, match="flipped.parquet is damaged"):
            content(path)


def test_damage_that_keeps_the_number_of_ones_is_found(tmp_path: Path, good: Path) -> None:
    page = pq.read_metadata(good).row_group(0).column(5)
    data = bytearray(good.read_bytes())
    place = page.data_page_offset + page.total_compressed_size - 2
    bits = data[place]
    data[place] = (bits << 1 | bits >> 7) & 255
    assert data[place] != bits
    path = tmp_path / "rotated.parquet"
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match="rotated.parquet is damaged"):
        MaskStore(path).read(0, "self_attn.q_proj")


@pytest.mark.parametrize("name", [b"block", b"in_features", b"packed"])
def test_a_damaged_column_name_is_refused(tmp_path: Path, good: Path, name: bytes) -> None:
    path = tmp_path / "renamed.parquet"
    path.write_bytes(good.read_bytes().replace(name, bytes([name[0] ^ 0x80]) + name[1:]))
    with pytest.raises(ArtifactError, match="renamed.parquet is damaged or not a mask store"):
        MaskStore(path)


def test_a_provenance_that_was_changed_is_refused(tmp_path: Path, good: Path) -> None:
    footer, path = pq.read_metadata(good), tmp_path / "changed.parquet"
    table = pq.read_table(good)
    changed = {**table.schema.metadata, b"provenance": table.schema.metadata[b"provenance"].replace(b"sw", b"en")}
    with pq.ParquetWriter(path, table.schema.with_metadata(changed)) as writer:
        for row in range(len(table)):
            writer.write_table(table.slice(row, 1).replace_schema_metadata(changed))
        writer.add_key_value_metadata({b"index_sha256": footer.metadata[b"index_sha256"]})
    with pytest.raises(ArtifactError, match="changed.parquet is damaged .*provenance"):
        MaskStore(path)


@several_examples
@given(st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_refused(tmp_path: Path, good: Path, share: float) -> None:
    path = tmp_path / "short.parquet"
    path.write_bytes(good.read_bytes()[: int(share * good.stat().st_size)])
    with pytest.raises(ArtifactError, match="short.parquet is damaged or not a mask store .*: delete it"):
        MaskStore(path)


@several_examples
@given(st.floats(0, 1, exclude_max=True), st.integers(1, 600))
def test_a_blanked_stretch_changes_nothing_that_is_read(tmp_path: Path, good: Path, place: float, length: int) -> None:
    path = tmp_path / "blanked.parquet"
    data = bytearray(good.read_bytes())
    start = int(place * len(data))
    data[start : start + length] = bytes(len(data[start : start + length]))
    path.write_bytes(data)
    assert refused_or_unchanged(path, content(good))
