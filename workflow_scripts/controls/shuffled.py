"""Shuffled words: the words of every document in random order, so that vocabulary stays and syntax goes."""

import re
from dataclasses import replace
from random import Random

from workflow_scripts.controls import Original
from workflow_scripts.corpora.scripts import UNSPACED_CHARACTER
from workflow_scripts.corpora.tokens import TokenizedDocument


def make(original: Original, register: str | None) -> list[TokenizedDocument]:
    """Every document with its words in another order, tokenized anew."""
    texts = [shuffle_words(document.text, document.doc_id) for document in original.documents]
    return [
        replace(tokens, token_ids=original.tokenizer(text, add_special_tokens=False, verbose=False).input_ids)
        for tokens, text in zip(original.tokens, texts, strict=True)
    ]


def shuffle_words(text: str, key: str) -> str:
    """The words of a text, punctuation attached, in an order drawn from `key`.

    Words are what stands between blanks; in scripts without blanks, single characters, which are joined without blanks.
    """
    words = [part for chunk in text.split() for part in _parts(chunk)]
    Random(f"shuffled/{key}").shuffle(words)
    return "".join(_blank(left, right) + right for left, right in zip(["", *words], words, strict=False))


def _parts(chunk: str) -> list[str]:
    """A word, or the characters of an unspaced script, each with the punctuation that follows it."""
    pieces = [piece for piece in re.split(f"({UNSPACED_CHARACTER.pattern})", chunk) if piece]
    parts: list[str] = []
    for piece in pieces:
        if parts and UNSPACED_CHARACTER.match(parts[-1]) and not piece[0].isalnum():
            parts[-1] += piece
        else:
            parts.append(piece)
    return parts


def _blank(left: str, right: str) -> str:
    return "" if not left or (UNSPACED_CHARACTER.match(left) and UNSPACED_CHARACTER.match(right)) else " "
