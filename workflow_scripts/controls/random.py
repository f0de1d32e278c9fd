"""Random tokens: every token of a document replaced by one drawn uniformly from the vocabulary, special tokens apart."""

from dataclasses import replace
from random import Random

from workflow_scripts.controls import Original
from workflow_scripts.corpora.tokens import TokenizedDocument
from workflow_scripts.models.tokenizer import embedding_rows


def make(original: Original, register: str | None) -> list[TokenizedDocument]:
    """Documents as many and as long as the language's, without its language."""
    special = set(original.tokenizer.added_tokens_decoder)
    known = set(range(embedding_rows(original.directory)))
    ordinary = sorted(known & set(original.tokenizer.get_vocab().values()) - special)
    return [_randomised(document, ordinary) for document in original.tokens]


def _randomised(document: TokenizedDocument, vocabulary: list[int]) -> TokenizedDocument:
    draw = Random(f"random/{document.doc_id}")
    return replace(document, token_ids=draw.choices(vocabulary, k=len(document.token_ids)))
