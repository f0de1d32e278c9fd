"""Which files and tensors of a directory are its model: those that transformers' `from_pretrained` loads, told from headers.

All that reads weights takes this list: the check before a run, the links in the results, digests, dense loading, the streaming
of blocks. Imports no torch, for the study reads it too.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
"""What `save_pretrained` writes, and what `from_pretrained` looks for, in this order."""
NAMED = "transformers_weights"
"""Key of config.json that names another file or index."""
OTHER_WEIGHTS = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack")
ADAPTER = "adapter_model.safetensors"
HEADER = 10**8
"""Bytes beyond which the library refuses a header."""
COMPARED = 2**24
"""Bytes of two tensors that are compared at a time."""


class UnusableModel(ValueError):
    """A model that cannot be used; the message says why and how to mend it, without a subject and a full stop."""


class StoredTensor(NamedTuple):
    """A tensor in a safetensors file: dtype as the format spells it ("BF16"), and the bytes of the file that hold it."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def stored_tensors(directory: Path) -> dict[str, StoredTensor]:
    """Name -> tensor, of all that `from_pretrained` reads in a checkpoint directory.

    Raises:
        UnusableModel: there are no such files, one is damaged, the index does not fit them, or they disagree on a tensor.
    """
    index = _index_of(directory)
    files = weight_files(directory)
    found: dict[str, StoredTensor] = {}
    for file in files:
        for name, tensor in read_header(file).items():
            if name in found and not _is_equal(found[name], tensor):
                raise UnusableModel(
                    f"holds {name} twice, in {found[name].file.name} and {file.name}, and they differ; fetch the checkpoint again"
                )
            found[name] = tensor
    for name, file in sorted(index.items()):
        if name not in found or (found[name].file.name != file and name not in read_header(directory / file)):
            where = f"it is in {found[name].file.name}" if name in found else "no file holds it"
            raise UnusableModel(f"has an index that finds {name} in {file}, but {where}; fetch the checkpoint again")
    return found


def weight_files(directory: Path) -> list[Path]:
    """The safetensors files that `from_pretrained` reads in a checkpoint directory, sorted.

    Raises:
        UnusableModel: there are none under the names that it looks for, or the index names one that is not there.
    """
    names = weight_names(directory)
    if lacking := [name for name in names if not (directory / name).is_file()]:
        if _index_of(directory):
            raise UnusableModel(f"lacks {lacking[0]}, which its index names; fetch the checkpoint again")
        raise UnusableModel(_why_none(directory, lacking[0]))
    return [directory / name for name in names]


def weight_names(directory: Path) -> list[str]:
    """The names of these files, sorted, whether they are there or not.

    Raises:
        UnusableModel: the index names none.
    """
    return sorted(set(_index_of(directory).values())) or [_entry(directory).name]


def read_header(file: Path) -> dict[str, StoredTensor]:
    """The tensors of a safetensors file: eight bytes with the size of a JSON header, the header, then the tensors to the end.

    Raises:
        UnusableModel: it is cut short, damaged, or a pointer to a file elsewhere.
    """
    header = header_of(file)
    try:
        # The library itself, which reads the header alone, says whether the file is whole.
        with safe_open(file, framework="np"):
            pass
        return dict(_tensors(file, json.loads(header[8:]), len(header)))
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        raise UnusableModel(f"has a {file.name} that is cut short or damaged; fetch the checkpoint again") from error


def header_of(file: Path) -> bytes:
    """The size of a safetensors header and the header; the first eight bytes alone where it cannot be one."""
    with open(file, "rb") as stream:
        first = stream.read(8)
        length = int.from_bytes(first, "little")
        return first + (stream.read(length) if len(first) == 8 and length < HEADER else b"")


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object in a file; raises UnusableModel where there is another thing."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise UnusableModel(f"has a {file.name} that is no JSON object; fetch the checkpoint again")
    return content


def _tensors(file: Path, header: dict[str, Any], data: int) -> Iterator[tuple[str, StoredTensor]]:
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            yield name, StoredTensor(file, entry["dtype"], tuple(entry["shape"]), data + start, data + end)


def _entry(directory: Path) -> Path:
    """The file or index that `from_pretrained` begins with."""
    config = directory / "config.json"
    named = read_json(config).get(NAMED) if config.is_file() else None
    if isinstance(named, str) and named.endswith((".safetensors", ".safetensors.index.json")):
        if Path(named).name != named:
            raise UnusableModel(f"has a config.json whose {NAMED} lies in another folder; put that file beside it")
        return directory / named
    is_sharded = (directory / INDEX).is_file() and not (directory / WEIGHTS).is_file()
    return directory / (INDEX if is_sharded else WEIGHTS)


def _index_of(directory: Path) -> dict[str, str]:
    """Name of a tensor -> its file, as the index says; empty where the model is one file."""
    entry = _entry(directory)
    if not entry.name.endswith(".index.json"):
        return {}
    index = read_json(entry)
    names = index.get("weight_map")
    if "metadata" not in index and names:
        raise UnusableModel(
            f'has a {entry.name} without metadata, which transformers wants; add "metadata": {{}} to it'
        )
    if not isinstance(names, dict) or not names:
        raise UnusableModel(f"has a {entry.name} without a weight_map; fetch the checkpoint again")
    if elsewhere := [str(file) for file in names.values() if Path(str(file)).name != str(file)]:
        raise UnusableModel(
            f"has an index that finds tensors in {elsewhere[0]}, which is in another folder; put it beside"
        )
    return {str(name): str(file) for name, file in names.items()}


def _why_none(directory: Path, wanted: str) -> str:
    found = [path.name for path in sorted(directory.glob("*.safetensors"))]
    again = "load it with transformers, call save_pretrained, and name that copy"
    if wanted in found:
        return f"has a {wanted} that is no file, or a link to none; fetch the checkpoint again"
    if found == [ADAPTER]:
        return "is an adapter without its model; merge the two and name the merged checkpoint"
    if found:
        several = f"{', '.join(found[:3])}{' ...' if len(found) > 3 else ''}"
        return f"holds {several}, and transformers loads {wanted} or the files of {INDEX}; {again}"
    if any(next(directory.glob(name), None) for name in OTHER_WEIGHTS):
        return f"holds no *.safetensors, only weights of another format; {again}"
    return "holds no *.safetensors; fetch the checkpoint's weights"


def _is_equal(one: StoredTensor, other: StoredTensor) -> bool:
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    with open(one.file, "rb") as first, open(other.file, "rb") as second:
        first.seek(one.start)
        second.seek(other.start)
        left = one.end - one.start
        while left > 0 and (part := first.read(min(COMPARED, left))) == second.read(min(COMPARED, left)) and part:
            left -= len(part)
    return left <= 0
