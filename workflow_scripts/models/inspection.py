"""What is wrong with a local model, told from its files before any job starts: no torch, and no weight is read."""

import json
import struct
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from workflow_scripts.models.architectures import causal_model_types, unsupported

OTHER_WEIGHTS = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack")
TOKENIZERS = ("tokenizer.json", "*.model", "vocab.json", "vocab.txt", "tekken.json")
GGUF_STRING = 8


class UnusableModel(ValueError):
    """A model that cannot be used; the message says why and how to mend it, without a full stop."""


def inspect_checkpoint(directory: Path, trusted: bool = False) -> dict[str, Any]:
    """The `config.json` of a checkpoint directory, whose own code may run if trusted.

    Raises:
        UnusableModel: there is no such directory, a file is missing, damaged or of another kind, or the architecture is
            not supported.
    """
    if not directory.exists():
        raise UnusableModel("is not there; write the path from the folder you start in, or an absolute one")
    if not directory.is_dir():
        remedy = "name it as gguf" if directory.suffix == ".gguf" else "name the directory that holds config.json"
        raise UnusableModel(f"is a file and no directory; {remedy}")
    if not (directory / "config.json").is_file():
        if (directory / "adapter_config.json").is_file():
            raise UnusableModel("is an adapter without its model; merge the two and name the merged checkpoint")
        raise UnusableModel("holds no config.json; name a directory that transformers' save_pretrained has written")
    config = _read_json(directory / "config.json")
    if reason := unsupported(config):
        raise UnusableModel(f"cannot be pruned: {reason}")
    _check_type(config, trusted)
    for file in _weight_files(directory):
        _check_safetensors(file)
    if not any(next(directory.glob(name), None) for name in TOKENIZERS):
        raise UnusableModel("holds no tokenizer; save the tokenizer beside the model with save_pretrained")
    return config


def inspect_gguf(file: Path) -> None:
    """Raise UnusableModel unless a file is GGUF, of an architecture that is not known to be unsupported."""
    if not file.exists():
        raise UnusableModel("is not there; write the path from the folder you start in, or an absolute one")
    if not file.is_file():
        raise UnusableModel("is a directory; name the .gguf file in it, or name a checkpoint directory as path")
    with open(file, "rb") as stream:
        head = stream.read(1024)
    if not head.startswith(b"GGUF"):
        raise UnusableModel("is no GGUF file, for it does not begin with GGUF; name another file or fetch it again")
    architecture = _gguf_architecture(head)
    if architecture and (reason := unsupported({"model_type": architecture})):
        raise UnusableModel(f"cannot be pruned: {reason}")


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise UnusableModel(f"has a {file.name} that is no JSON object; fetch the checkpoint again")
    return content


def _check_type(config: dict[str, Any], trusted: bool) -> None:
    kind, known = config.get("model_type"), causal_model_types()
    if not isinstance(kind, str):
        raise UnusableModel("has a config.json without model_type; fetch the checkpoint again")
    own_code = bool(config.get("auto_map"))
    if known and kind not in known and own_code and not trusted:
        raise UnusableModel(
            f"is a {kind[:100]!r} that comes with code of its own; read that code, and if you trust it, add "
            "trust_remote_code: true beside the path"
        )
    if known and kind not in known and not own_code:
        near = get_close_matches(kind[:100], sorted(known), n=1)
        raise UnusableModel(
            f"is a {kind[:100]!r}, no causal language model that the installed transformers knows"
            + (f"; did you mean {near[0]}?" if near else "; take another model")
        )


def _weight_files(directory: Path) -> Iterator[Path]:
    index = directory / "model.safetensors.index.json"
    if not index.is_file():
        found = sorted(directory.glob("*.safetensors"))
        if not found and any(next(directory.glob(name), None) for name in OTHER_WEIGHTS):
            raise UnusableModel(
                "holds no *.safetensors, only weights of another format; load it with transformers, call "
                "save_pretrained, and name that copy"
            )
        if not found:
            raise UnusableModel("holds no *.safetensors; fetch the checkpoint's weights")
        yield from found
        return
    names = _read_json(index).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise UnusableModel(f"has a {index.name} without a weight_map; fetch the checkpoint again")
    for name in sorted({str(file) for file in names.values()}):
        if not (directory / name).is_file():
            raise UnusableModel(f"lacks {name}, which its index names; fetch the checkpoint again")
        yield directory / name


def _check_safetensors(file: Path) -> None:
    """The format: eight bytes with the size of a JSON header, the header, then the tensors to the end."""
    size = file.stat().st_size
    with open(file, "rb") as stream:
        start = stream.read(8)
        length = int.from_bytes(start, "little")
        # Beyond 100 MB the library refuses a header too.
        header = stream.read(length) if len(start) == 8 and length < 10**8 else b""
    if start.startswith(b"version "):
        raise UnusableModel(f"has, for {file.name}, only a pointer of Git LFS; run `git lfs pull` there")
    try:
        tensors = json.loads(header)
        ends = [entry["data_offsets"][1] for name, entry in tensors.items() if name != "__metadata__"]
        whole = 8 + length + max(ends, default=0) == size
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        whole = False
    if not whole:
        raise UnusableModel(f"has a {file.name} that is cut short or damaged; fetch the checkpoint again")


def _gguf_architecture(head: bytes) -> str | None:
    """The value of the first key of a GGUF file where that is `general.architecture`, as it is by convention."""
    try:
        (size,) = struct.unpack_from("<Q", head, 24)
        key = head[32 : 32 + size]
        kind, length = struct.unpack_from("<IQ", head, 32 + size)
        value = head[44 + size : 44 + size + length]
    except (struct.error, OverflowError):
        return None
    return value.decode("utf-8", "replace") if key == b"general.architecture" and kind == GGUF_STRING else None
