"""The tokenizer of a checkpoint directory, and the tokens that it puts between texts.

Apart from the loading of weights, so that a change to that makes no token anew.
"""

from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from workflow_scripts.models.remote_code import is_trusted


def load_tokenizer(directory: Path, trusted: bool | None = None) -> PreTrainedTokenizerBase:
    """The tokenizer of a checkpoint directory; its own code, if any, runs only if trusted, by default as the record says."""
    trusted = is_trusted(directory) if trusted is None else trusted
    return AutoTokenizer.from_pretrained(directory, local_files_only=True, trust_remote_code=trusted)


def boundary_tokens(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """Token ids between texts: `bos`, `eos` (None where there is none) and `blank_line`.

    BOS counts only when the tokenizer puts it before a text by itself: some name a BOS that their model never saw there.
    """
    first = (tokenizer("a").input_ids or [None])[0]
    return {
        "bos": tokenizer.bos_token_id if first == tokenizer.bos_token_id else None,
        "eos": tokenizer.eos_token_id,
        "blank_line": tokenizer("\n\n", add_special_tokens=False).input_ids,
    }
