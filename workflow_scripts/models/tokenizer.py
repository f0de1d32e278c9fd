"""The tokenizer of a checkpoint directory, and the tokens that it puts between texts.

Apart from the loading of weights, so that a change to that makes no token anew.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerBase

from workflow_scripts.models.remote_code import is_trusted


def load_tokenizer(directory: Path, trusted: bool | None = None) -> PreTrainedTokenizerBase:
    """The tokenizer of a checkpoint directory; its own code, if any, runs only if trusted, by default as the record says."""
    trusted = is_trusted(directory) if trusted is None else trusted
    return AutoTokenizer.from_pretrained(directory, local_files_only=True, trust_remote_code=trusted)


def embedding_rows(directory: Path) -> int:
    """How many tokens the model in a checkpoint directory knows."""
    config = AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=is_trusted(directory))
    return config.get_text_config(decoder=True).vocab_size


def refuse_past_embedding(ids: Iterable[int], rows: int, tokenizer: PreTrainedTokenizerBase, place: str) -> None:
    """Raise ValueError where a text holds a token that the model has no row of its embedding for.

    Args:
        ids: the text's tokens.
        rows: of the embedding.
        tokenizer: names the token.
        place: the text, for the error.
    """
    if (largest := max(ids, default=0)) >= rows:
        raise ValueError(
            f"{place} holds the token {tokenizer.convert_ids_to_tokens(largest)!r}, number {largest}, but the model's embedding "
            f"has {rows} rows, while its tokenizer knows {len(tokenizer)} tokens: enlarge the embedding "
            "(resize_token_embeddings), or take the token out of the tokenizer or the text."
        )


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
