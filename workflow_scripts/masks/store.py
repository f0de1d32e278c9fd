"""The mask store: the masks of a variant in one Parquet file, one bit a weight, one row group a linear.

Any Parquet reader shows its rows (block, module, shape, kept, packed bits). Order of bits and version of the format are
in the schema's metadata, beside the provenance. A linear is written and read without the others, so that a store may be
larger than memory.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from difflib import SequenceMatcher
from hashlib import sha256
from operator import index
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workflow_scripts.artifacts import seals
from workflow_scripts.artifacts.files import (
    PROVENANCE_KEY,
    SEAL_KEY,
    ArtifactError,
    canonical_json,
    replacing,
    with_provenance,
)
from workflow_scripts.masks.packing import BIT_ORDER, bytes_per_row, count_ones, pack, padding_is_zero, unpack

FORMAT_VERSION = 1
VERSION_KEY = "mask_store_version"
BIT_ORDER_KEY = "bit_order"
# Page checksums do not cover the footer, which holds the provenance and says where the rows are.
DIGEST_KEY = "index_sha256"

SCHEMA = pa.schema(
    [
        pa.field("block", pa.int32(), nullable=False),
        pa.field("module", pa.string(), nullable=False),
        pa.field("out_features", pa.int32(), nullable=False),
        pa.field("in_features", pa.int32(), nullable=False),
        pa.field("kept", pa.int64(), nullable=False),
        pa.field("packed", pa.large_binary(), nullable=False),
    ]
)
INDEX_COLUMNS = SCHEMA.names[:-1]

T = TypeVar("T")


@dataclass(frozen=True)
class Linear:
    """One linear of a store: its place in the model, its shape and how many of its weights are kept."""

    block: int
    module: str
    out_features: int
    in_features: int
    kept: int

    @property
    def name(self) -> str:
        """Block and module as one readable name."""
        return f"block {self.block} {self.module}"


class LinearNotFound(KeyError):
    """A store does not hold the linear that was asked for."""

    # KeyError would show its message in quotes.
    __str__ = Exception.__str__


class MaskWriter:
    """Write the masks of a variant, one after the other; a context manager.

    The file appears under its name when the block ends without error, and not at all otherwise. Equal masks in equal
    order with equal provenance give equal bytes.
    """

    def __init__(self, path: Path, provenance: Mapping[str, Any]) -> None:
        self.path = Path(path)
        metadata = {VERSION_KEY: str(FORMAT_VERSION), BIT_ORDER_KEY: BIT_ORDER}
        self._schema = with_provenance(SCHEMA.with_metadata(metadata), provenance)
        self._written: dict[tuple[int, str], Linear] = {}
        self._stack = ExitStack()
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            temporary = stack.enter_context(replacing(self.path, sealed=True))
            self._writer = stack.enter_context(_parquet_writer(temporary, self._schema))
            stack.callback(self._seal)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def _seal(self) -> None:
        """Write what is known at the end only, and take no more masks."""
        writer, self._writer = self._writer, None
        provenance = self._schema.metadata[PROVENANCE_KEY.encode()]
        digest = _digest(provenance, list(self._written.values()))
        writer.add_key_value_metadata({DIGEST_KEY: digest, SEAL_KEY: seals.OPEN})

    def write(self, block: int, module: str, mask: Any) -> None:
        """Append the mask of one linear.

        Args:
            block: number of the decoder layer, from 0.
            module: name of the linear within its block, such as `self_attn.q_proj`.
            mask: bool [out_features, in_features], True where the weight is kept: an array or a tensor on the CPU.

        Raises:
            TypeError: the mask is not boolean.
            ValueError: the mask is not a matrix, the linear was written before or has no proper name, or the writer is
                closed.
        """
        if self._writer is None:
            raise ValueError(f"The writer of {self.path} is closed: write masks inside its `with` block.")
        if block < 0 or not module:
            raise ValueError(f"A linear needs a block from 0 on and a module's name, not ({block}, {module!r}).")
        mask = np.asarray(mask)
        shape = _shape_of(mask, block, module)
        packed = pack(mask)
        linear = Linear(index(block), module, *shape, kept=count_ones(packed))
        if (linear.block, module) in self._written:
            raise ValueError(f"The mask of {linear.name} is in {self.path} already: write each linear once.")
        self._writer.write_table(_one_row(linear, packed, self._schema))
        self._written[linear.block, module] = linear


class MaskStore:
    """The masks of a variant, read one linear at a time.

    Opening reads and verifies all but the masks. Reading a mask verifies its page checksum, length, padding and number
    of ones. The file stays open: use the store as a context manager, or call `close`, where many are opened.

    Attributes:
        provenance: what made the masks.
        linears: the linears in stored order.

    Raises:
        ArtifactError: on opening and on reading, when the file is missing, damaged, foreign or of a newer format.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise ArtifactError(f"{self.path} is not a file: run the step that writes these masks (prune_model).")
        # With buffers of its own an open file would hold the linear that was read last.
        self._file = self._guarded(lambda: pq.ParquetFile(self.path, page_checksum_verification=True, pre_buffer=False))
        provenance = self._guarded(self._verified_metadata)[PROVENANCE_KEY.encode()]
        self.linears: list[Linear] = self._guarded(self._read_linears)
        if self._file.metadata.metadata.get(DIGEST_KEY.encode()) != _digest(provenance, self.linears):
            raise self._damaged("its provenance or list of linears is not what was written")
        self.provenance: dict[str, Any] = json.loads(provenance)
        self._rows = {(linear.block, linear.module): row for row, linear in enumerate(self.linears)}

    def close(self) -> None:
        """Close the file; the store cannot be read afterwards."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.linears)

    def __iter__(self) -> Iterator[tuple[Linear, np.ndarray]]:
        """Each linear with its mask, in stored order, one in memory at a time."""
        for linear in self.linears:
            yield linear, self.read(linear.block, linear.module)

    def linear(self, block: int, module: str) -> Linear:
        """Shape and kept weights of one linear; raises LinearNotFound, whose message names the closest."""
        return self.linears[self._row(block, module)]

    def read(self, block: int, module: str) -> np.ndarray:
        """The mask of one linear: bool [out_features, in_features], True where the weight is kept.

        Raises:
            LinearNotFound: the store has no such linear; the message names the closest.
            ArtifactError: the linear's bits are damaged.
        """
        return unpack(self.packed(block, module), self.linear(block, module).in_features)

    def packed(self, block: int, module: str) -> np.ndarray:
        """The packed mask of one linear: uint8 [out_features, ceil(in_features / 8)], read-only; raises as `read`."""
        row = self._row(block, module)
        column = self._guarded(lambda: self._file.read_row_group(row, columns=["packed"], use_threads=False)["packed"])
        return self._verified_bits(self.linears[row], column)

    def _row(self, block: int, module: str) -> int:
        if (block, module) not in self._rows:
            raise self._not_found(block, module)
        return self._rows[block, module]

    def _guarded(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, reason: str) -> ArtifactError:
        return ArtifactError(f"{self.path} is damaged or not a mask store ({reason}): delete it and run again.")

    def _verified_metadata(self) -> dict[bytes, bytes]:
        schema = self._file.schema_arrow
        metadata = schema.metadata or {}
        version = metadata.get(VERSION_KEY.encode(), b"")
        if version.isdigit() and int(version) > FORMAT_VERSION:
            raise ArtifactError(
                f"{self.path} is a mask store of format {int(version)}, this polyprune reads up to {FORMAT_VERSION}: "
                "install a newer polyprune."
            )
        if version != str(FORMAT_VERSION).encode() or metadata.get(BIT_ORDER_KEY.encode()) != BIT_ORDER.encode():
            raise self._damaged("its metadata are not those of a mask store")
        if not schema.equals(SCHEMA) or PROVENANCE_KEY.encode() not in metadata:
            raise self._damaged("its columns are not those of a mask store or its provenance is missing")
        return metadata

    def _read_linears(self) -> list[Linear]:
        table = self._file.read(columns=INDEX_COLUMNS, use_threads=False)
        if len(table) != self._file.metadata.num_row_groups:
            raise self._damaged("it does not hold one linear a row group")
        return [Linear(**row) for row in table.to_pylist()]

    def _verified_bits(self, linear: Linear, column: pa.ChunkedArray) -> np.ndarray:
        width = bytes_per_row(linear.in_features)
        data = _only_value(column)
        if data is None or data.size != linear.out_features * width:
            raise self._damaged(f"{linear.name} has not the length of its shape")
        packed = np.frombuffer(data, dtype=np.uint8).reshape(linear.out_features, width)
        if not padding_is_zero(packed, linear.in_features) or count_ones(packed) != linear.kept:
            raise self._damaged(f"{linear.name} has not the {linear.kept} ones that it should have")
        return packed

    def _not_found(self, block: int, module: str) -> LinearNotFound:
        def distance(linear: Linear) -> tuple[float, int]:
            return -SequenceMatcher(None, linear.module, module).ratio(), abs(linear.block - block)

        closest = min(self.linears, key=distance, default=None)
        remedy = f"the closest is {closest.name}" if closest else "it holds no linear"
        return LinearNotFound(f"{self.path} has no mask of block {block} {module}: {remedy}.")


def _only_value(column: pa.ChunkedArray) -> pa.Buffer | None:
    """The bytes of the one value of a column of large_binary, without a copy; None where it has not one value."""
    if len(column) != 1:
        return None
    # A scalar's `as_buffer` would copy, which takes as long as reading.
    chunk = column.chunk(0)
    _, ends, data = chunk.buffers()
    start, end = np.frombuffer(ends, dtype=np.int64)[chunk.offset :][:2].tolist()
    return data.slice(start, end - start)


def _digest(provenance: bytes, linears: list[Linear]) -> bytes:
    rows = canonical_json([astuple(linear) for linear in linears])
    return sha256(provenance + rows.encode()).hexdigest().encode()


def _parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        path,
        schema,
        # The bits of a 0.5 mask do not compress and pass almost freely; 2:4 shrinks by a third, 10 % sparsity by half.
        compression="zstd",
        compression_level=1,
        use_dictionary=False,
        # Lets a reader with a filter on block and module skip the other row groups.
        write_statistics=["block", "module"],
        write_page_checksum=True,
    )


def _shape_of(mask: np.ndarray, block: int, module: str) -> tuple[int, int]:
    if mask.dtype != np.bool_:
        raise TypeError(
            f"The mask of block {block} {module} is {mask.dtype}, not boolean: compare or convert it first."
        )
    if mask.ndim != 2 or mask.size == 0:
        raise ValueError(
            f"The mask of block {block} {module} has shape {mask.shape}: it must be [out_features, in_features]."
        )
    return mask.shape


def _one_row(linear: Linear, packed: np.ndarray, schema: pa.Schema) -> pa.Table:
    ends = np.array([0, packed.nbytes], dtype=np.int64)
    # From buffers: pa.array would copy the bits.
    bits = pa.LargeBinaryArray.from_buffers(pa.large_binary(), 1, [None, pa.py_buffer(ends), pa.py_buffer(packed)])
    values = [pa.array([value], schema.field(i).type) for i, value in enumerate(astuple(linear))]
    return pa.Table.from_arrays([*values, bits], schema=schema)
