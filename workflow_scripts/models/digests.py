"""SHA-256 of what a checkpoint directory holds: its tensors, and its other files. Imports no torch, for verifying reads it too."""

import hashlib
from collections.abc import Callable
from math import prod
from mmap import ACCESS_READ, mmap
from pathlib import Path

from tqdm import tqdm

from workflow_scripts.artifacts.files import digest_of_file
from workflow_scripts.models.copies import LOCK, SOURCE
from workflow_scripts.models.stored import StoredTensor, UnusableModel, stored_tensors

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


Look = Callable[[str, StoredTensor, memoryview], None]
"""What is done beside with a tensor's bytes, which are read once: its name, what the header says of it, the bytes."""


def digest_tensors(directory: Path, look: Look = lambda name, tensor, content: None) -> tuple[dict[str, str], int]:
    """SHA-256 of every tensor of a checkpoint, its dtype and shape included, and how many numbers there are in all.

    Raises:
        UnusableModel: there are no tensors, an index does not fit its files, or a type of numbers is unknown; or what `look` raises.
    """
    digests, parameters = {}, 0
    for name, tensor in tqdm(sorted(stored_tensors(directory).items()), desc="tensors", unit="tensor", disable=None):
        if tensor.dtype not in TORCH_NAMES:
            raise UnusableModel(
                f"holds numbers of type {tensor.dtype} in {name}, which polyprune does not know; save it anew"
            )
        digest = hashlib.sha256(f"torch.{TORCH_NAMES[tensor.dtype]}{tensor.shape}".encode())
        # A map a tensor: the system counts what was read of one as memory of this process.
        with (
            open(tensor.file, "rb") as file,
            mmap(file.fileno(), 0, access=ACCESS_READ) as mapped,
            memoryview(mapped) as view,
            view[tensor.start : tensor.end] as content,
        ):
            digest.update(content)
            look(name, tensor, content)
        digests[name] = digest.hexdigest()
        parameters += prod(tensor.shape)
    return digests, parameters


def digest_files(directory: Path) -> dict[str, str]:
    """SHA-256 of every file of a checkpoint that holds no weights, the record left out."""
    return {
        path.name: digest_of_file(path)
        for path in sorted(directory.iterdir())
        if path.is_file() and path.suffix != ".safetensors" and path.name not in BESIDE
    }
