"""Controls: calibration texts that take something away from a language, so that 'language matters' has baselines.

A control is a module with a function `make`; it turns the calibration documents of a language into as many documents of
tokens, which are then sampled as those of a language are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from workflow_scripts.corpora.document import Document
from workflow_scripts.corpora.tokens import TokenizedDocument

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

KINDS = ("generated", "random", "register", "shuffled")


@dataclass(frozen=True)
class Compute:
    """Where and how precisely a control that needs the model computes."""

    threads: int = 1
    device: str = "auto"
    dtype: str = "auto"


@dataclass(frozen=True)
class Original:
    """What a control is made of: the calibration documents of a language, as text and as tokens, in equal order."""

    directory: Path
    """checkpoint of the dense model"""
    tokenizer: "PreTrainedTokenizerBase"
    bos: int | None
    documents: Sequence[Document]
    tokens: Sequence[TokenizedDocument]
    compute: Compute


def get_control(kind: str) -> ModuleType:
    """The module of a control: `make(original, register)` returns its documents of tokens.

    Raises:
        ValueError: there is no such control.
    """
    if kind not in KINDS:
        raise ValueError(f"There is no control {kind!r}: there is {', '.join(KINDS)}.")
    return import_module(f"workflow_scripts.controls.{kind}")
