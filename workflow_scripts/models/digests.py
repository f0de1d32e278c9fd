"""SHA-256 of what a checkpoint directory holds: its tensors, and its other files. Imports no torch, for verifying reads it too."""

import hashlib
import json
from dataclasses import dataclass
from math import prod
from mmap import ACCESS_READ, mmap
from pathlib import Path

from safetensors import safe_open
from tqdm import tqdm

from workflow_scripts.artifacts import ArtifactError, digest_of_file
from workflow_scripts.models.copies import LOCK, SOURCE
from workflow_scripts.models.stored import weight_files

BESIDE = ("provenance.json", SOURCE, LOCK)
"""Files in the folder of a prepared checkpoint that are no part of it."""
TORCH_NAMES = {
    "BOOL": "bool", "U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64",
    "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64",
    "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64", "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn", "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2": "float8_e5m2", "F8_E5M2FNUZ": "float8_e5m2fnuz", "F8_E8M0": "float8_e8m0fnu",
}  # fmt: skip
"""Type of numbers in the header of a safetensors file -> torch's name, which is what digests are made of."""


def digest_tensors(directory: Path) -> tuple[dict[str, str], int]:
    """SHA-256 of every tensor of a checkpoint, its dtype and shape included, and how many numbers there are in all.

    Raises:
        ArtifactError: there are no tensors, an index does not fit its files, or a type of numbers is unknown.
        SafetensorError: a file is cut short or damaged.
    """
    file_of = weight_files(directory)
    headers = {path: _read_header(path) for path in sorted(set(file_of.values()))}
    digests, parameters = {}, 0
    for name, path in tqdm(sorted(file_of.items()), desc="tensors", unit="tensor", disable=None):
        if name not in headers[path]:
            raise ArtifactError(f"{path} holds no {name}, which the index says it does: fetch the checkpoint again.")
        tensor = headers[path][name]
        digests[name] = tensor.digest(path)
        parameters += prod(tensor.shape)
    return digests, parameters


@dataclass(frozen=True)
class _Tensor:
    """A tensor of a safetensors file: torch's name of its type, its shape, and where its bytes begin and end."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    def digest(self, path: Path) -> str:
        digest = hashlib.sha256(f"torch.{self.dtype}{self.shape}".encode())
        # A map a tensor: the system counts what was read of one as memory of this process.
        with (
            open(path, "rb") as file,
            mmap(file.fileno(), 0, access=ACCESS_READ) as mapped,
            memoryview(mapped) as view,
            view[self.start : self.end] as content,
        ):
            digest.update(content)
        return digest.hexdigest()


def _read_header(path: Path) -> dict[str, _Tensor]:
    """Name -> tensor, in a file that safetensors itself has found whole."""
    with safe_open(path, framework="np"), open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        entries = json.loads(file.read(length))
    entries.pop("__metadata__", None)
    unknown = sorted({entry["dtype"] for entry in entries.values()} - TORCH_NAMES.keys())
    if unknown:
        raise ArtifactError(f"{path} holds numbers of type {unknown[0]}, which polyprune does not know.")
    return {
        name: _Tensor(
            TORCH_NAMES[entry["dtype"]],
            tuple(entry["shape"]),
            *(8 + length + offset for offset in entry["data_offsets"]),
        )
        for name, entry in entries.items()
    }


def digest_files(directory: Path) -> dict[str, str]:
    """SHA-256 of every file of a checkpoint that holds no weights, the record left out."""
    return {
        path.name: digest_of_file(path)
        for path in sorted(directory.iterdir())
        if path.is_file() and path.suffix != ".safetensors" and path.name not in BESIDE
    }
