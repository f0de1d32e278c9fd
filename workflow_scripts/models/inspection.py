"""What is wrong with a local model, told from its files before any job starts: no torch, and no weight is read."""

import struct
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from workflow_scripts.models.architectures import causal_model_types, unsupported
from workflow_scripts.models.catalogue import checkpoint_files
from workflow_scripts.models.stored import UnusableModel, read_json, stored_tensors

POINTER = b"version https://git-lfs"
"""How a file begins that Git LFS has not fetched."""
TOKENIZERS = ("tokenizer.json", "*.model", "vocab.json", "vocab.txt", "tekken.json")
GGUF_STRING = 8


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
    config = read_json(directory / "config.json")
    if reason := unsupported(config):
        raise UnusableModel(f"cannot be pruned: {reason}")
    _check_type(config, trusted)
    _refuse_pointers(directory, trusted)
    stored_tensors(directory)
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


def _refuse_pointers(directory: Path, trusted: bool) -> None:
    for file in checkpoint_files(directory, trusted):
        with open(file, "rb") as stream:
            if stream.read(len(POINTER)) == POINTER:
                raise UnusableModel(f"has, for {file.name}, only a pointer of Git LFS; run `git lfs pull` there")


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
