"""Write and read artifacts: Parquet, safetensors and JSON, each with its provenance in one metadata key.

A provenance says what made an artifact: the step, its canonical parameters, the digest of its code, the digests of its
inputs and the versions of the libraries that decide its numbers. It holds no clock time, host name or path, so that equal
runs give equal bytes. A seal beside it (`seals`) tells whether the file is what was written.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from ctypes import c_char
from glob import escape
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from workflow_scripts import __version__
from workflow_scripts.artifacts import seals
from workflow_scripts.artifacts.code_digest import libraries_of

if TYPE_CHECKING:
    import torch

PROVENANCE_KEY = "provenance"
SEAL_KEY = "seal"
SAFETENSORS_NAMES = {
    "float64": "F64", "float32": "F32", "bfloat16": "BF16", "float16": "F16", "int64": "I64", "uint8": "U8",
}  # fmt: skip
"""Of the dtypes, in the header of a safetensors file."""


class ArtifactError(ValueError):
    """An artifact that is damaged, foreign or not of the expected kind."""


def canonical_json(value: Any) -> str:
    """The one spelling of a JSON value: sorted keys, no blanks, no NaN; raises TypeError or ValueError otherwise."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes as hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_provenance(
    step: str, parameters: Mapping[str, Any], code: str, inputs: Mapping[str, Path | list[Path]]
) -> dict[str, Any]:
    """The provenance of an artifact.

    Args:
        step: name of the step that writes the artifact.
        parameters: JSON-like mapping of what the step was told.
        code: digest of the step's code, empty when the step was called by hand.
        inputs: role of an input -> its file, or its files in a meaningful order; enters as SHA-256 digests.

    Raises:
        ArtifactError: an input is an artifact and damaged.
    """
    for paths in inputs.values():
        for path in paths if isinstance(paths, list) else [paths]:
            refuse_damaged(path)
    return {
        "step": step,
        "parameters": json.loads(canonical_json(parameters)),
        "code": code,
        "inputs": {
            role: [digest_of_file(p) for p in paths] if isinstance(paths, list) else digest_of_file(paths)
            for role, paths in inputs.items()
        },
        "versions": {"polyprune": __version__, **libraries_of(f"steps.{step}")},
    }


@contextmanager
def replacing(path: Path, sealed: bool = False) -> Iterator[Path]:
    """A temporary sibling of `path` to write to; it takes the place of `path` only when the block ends without error.

    Args:
        path: the file to be.
        sealed: whether the block leaves an open seal in the file, to be filled in.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{escape(path.name)}.*.part"):
        # By a process that was killed: the workflow writes a file in one process at a time.
        left.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        if sealed:
            seals.seal(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def with_provenance(schema: pa.Schema, provenance: Mapping[str, Any]) -> pa.Schema:
    """The schema with the provenance in its metadata, other keys kept."""
    return schema.with_metadata({**(schema.metadata or {}), PROVENANCE_KEY: canonical_json(provenance)})


def write_table(path: Path, table: pa.Table, provenance: Mapping[str, Any]) -> None:
    """Write a Parquet table with page checksums, its provenance and a seal; rows are kept in the order given."""
    schema = with_provenance(table.schema, provenance)
    with (
        replacing(path, sealed=True) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", write_page_checksum=True) as writer,
    ):
        writer.write_table(table.cast(schema))
        # Not in the schema's metadata, of which Parquet keeps a second copy in base64.
        writer.add_key_value_metadata({SEAL_KEY: seals.OPEN})


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Read a Parquet artifact, its page checksums verified; raises ArtifactError when it cannot be read."""
    try:
        # Not pq.read_table, which imports pandas.
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            return file.read(columns)
    except (OSError, pa.ArrowException) as error:
        raise ArtifactError(f"{path} is damaged or not a Parquet file ({error}): delete it and run again.") from error


def write_tensors(path: Path, tensors: Mapping[str, "torch.Tensor"], provenance: Mapping[str, Any]) -> None:
    """Write named tensors as safetensors with their provenance and a seal; no copy of them is made in memory."""
    # Wide numbers first, so that each begins at a multiple of its size.
    ordered = sorted(tensors.items(), key=lambda entry: -entry[1].dtype.itemsize)
    sizes = {name: (tensor.dtype, tensor.shape) for name, tensor in ordered}
    write_tensor_stream(path, sizes, (tensor for _, tensor in ordered), provenance)


def write_tensor_stream(
    path: Path,
    sizes: Mapping[str, tuple["torch.dtype", tuple[int, ...]]],
    tensors: Iterable["torch.Tensor"],
    provenance: Mapping[str, Any],
) -> None:
    """Write tensors of one width as `write_tensors`, one in memory at a time.

    Args:
        path: the file to be.
        sizes: name -> dtype and shape of each tensor, in the order of the tensors.
        tensors: the tensors.
        provenance: what made them.

    Raises:
        ValueError: a tensor is not of the size announced.
    """
    header: dict[str, Any] = {"__metadata__": {PROVENANCE_KEY: canonical_json({**provenance, SEAL_KEY: seals.OPEN})}}
    end = 0
    for name, (dtype, shape) in sizes.items():
        start, end = end, end + dtype.itemsize * prod(shape)
        header[name] = {
            "dtype": SAFETENSORS_NAMES[str(dtype).removeprefix("torch.")],
            "shape": list(shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with replacing(path, sealed=True) as temporary, open(temporary, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for (name, size), tensor in zip(sizes.items(), tensors, strict=True):
            if (tensor.dtype, tensor.shape) != size:
                raise ValueError(f"{name} is {tensor.dtype} {tuple(tensor.shape)}, announced as {size}.")
            data = tensor.cpu().contiguous()
            if data.nbytes:
                # The bytes as they are, of any dtype. Without importing torch, on which every artifact would then depend.
                file.write((c_char * data.nbytes).from_address(data.data_ptr()))


def write_json(path: Path, content: Mapping[str, Any], provenance: Mapping[str, Any]) -> None:
    """Write a small record as sealed, indented JSON with sorted keys; `content` must not have a key `provenance`."""
    told = {**provenance, SEAL_KEY: seals.OPEN}
    with replacing(path, sealed=True) as temporary:
        text = json.dumps({**content, PROVENANCE_KEY: told}, indent=2, sort_keys=True, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def write_record(record: Path, files: Iterable[Path], provenance: Mapping[str, Any]) -> None:
    """Write the record that vouches for files beside it which cannot carry a provenance: figures, pages."""
    write_json(record, {"files": {path.name: digest_of_file(path) for path in files}}, provenance)


def read_provenance(path: Path) -> dict[str, Any]:
    """The provenance of a Parquet, safetensors or JSON artifact.

    Raises:
        ArtifactError: the file is damaged, of another kind, or carries no provenance.
    """
    path = Path(path)
    try:
        if path.suffix == ".parquet":
            found = json.loads((pq.read_schema(path).metadata or {})[PROVENANCE_KEY.encode()])
        elif path.suffix == ".safetensors":
            from safetensors import safe_open

            with safe_open(path, framework="numpy") as file:
                found = json.loads(file.metadata()[PROVENANCE_KEY])
        else:
            found = json.loads(path.read_text(encoding="utf-8"))[PROVENANCE_KEY]
        return {key: value for key, value in found.items() if key != SEAL_KEY}
    except (KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"{path} carries no provenance: it was not written by polyprune; delete it.") from error
    except Exception as error:
        raise ArtifactError(f"{path} is damaged ({error}): delete it and run again.") from error


def refuse_damaged(path: Path) -> None:
    """Raise ArtifactError when a file has a seal and does not hold what was sealed; a user's own file has none."""
    if seals.is_sealed(path) and not seals.is_whole(path):
        raise ArtifactError(f"{path} is not what was written there: delete it and run again.")


def refuse_foreign_model(provenance: dict, record: Path, artifact: Path) -> None:
    """Raise ArtifactError unless `provenance` says that the artifact was made from the model of `record`."""
    if provenance["inputs"].get("model") != digest_of_file(record):
        raise ArtifactError(
            f"{artifact} was made for another model than {record.parent.name}: delete it and run again, "
            "or point the study at the model it belongs to."
        )
