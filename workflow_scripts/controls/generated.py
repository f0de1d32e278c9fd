"""Text that the dense model writes itself in the language, after the first words of each document.

Self-generated calibration text needs no corpus beyond those words (Williams, Chrysostomou & Aletras 2024, arXiv
2410.17170). Tokens are sampled from the model's own distribution, unsharpened; the opening words are not kept.
"""

from dataclasses import replace
from functools import partial

import torch
from tqdm import tqdm

from workflow_scripts.controls import Original
from workflow_scripts.corpora.tokens import TokenizedDocument
from workflow_scripts.evaluation.generation import continuations
from workflow_scripts.evaluation.head import refuse_unsupported_model
from workflow_scripts.models.checkpoint import load_model
from workflow_scripts.models.device import settle

OPENING = 8
"""Tokens of a document that the model continues."""
LONGEST = 1024
"""Tokens that are written after an opening at most, however long the document."""
BATCH = 32
"""Documents at a time; which samples are drawn depends on it."""


def make(original: Original, register: str | None) -> list[TokenizedDocument]:
    """A continuation of every document longer than an opening, as long as that document, up to `LONGEST` tokens."""
    device, dtype, _ = settle(original.compute, original.directory)
    model = load_model(original.directory, dtype, device)
    refuse_unsupported_model(model)
    randomness = torch.Generator().manual_seed(0)
    # Every text goes on to the length of its document, so special tokens, the end of the text among them, are ruled out.
    barred = torch.tensor(sorted(original.tokenizer.added_tokens_decoder), dtype=torch.long)
    choose = partial(sampled, barred=barred, randomness=randomness)
    head = [] if original.bos is None else [original.bos]
    documents = [document for document in original.tokens if len(document.token_ids) > OPENING]
    # The longest first: a batch then holds documents of nearly one length, and few wait for the last.
    queue = sorted(documents, key=lambda document: -len(document.token_ids))
    lengths = [min(len(document.token_ids), LONGEST) for document in queue]
    texts: list[list[int]] = []
    with tqdm(total=sum(lengths), desc="tokens", unit="token", disable=None) as bar:
        for start in range(0, len(queue), BATCH):
            openings = [head + document.token_ids[:OPENING] for document in queue[start : start + BATCH]]
            texts += continuations(model, openings, lengths[start : start + BATCH], choose, bar)
    written = {document.doc_id: text for document, text in zip(queue, texts, strict=True)}
    return [_document(original, document, written[document.doc_id]) for document in documents]


def sampled(logits: torch.Tensor, barred: torch.Tensor, randomness: torch.Generator) -> torch.Tensor:
    """One token int64 [texts] by the softmax of each row of `logits` [texts, vocabulary], none of `barred`.

    By inversion of the cumulated distribution in float64: in float32 the many rare tokens of a large vocabulary would
    vanish beside the sum before them, and a draw from the exponential for every token costs more than the model's head.
    """
    exact = logits.cpu().double().index_fill(1, barred, -torch.inf)
    cumulated = exact.softmax(1).cumsum(1)
    drawn = torch.rand(len(exact), 1, generator=randomness, dtype=torch.float64) * cumulated[:, -1:]
    return torch.searchsorted(cumulated, drawn, right=True)[:, 0]


def _document(original: Original, document: TokenizedDocument, ids: list[int]) -> TokenizedDocument:
    text = original.tokenizer.decode(ids)
    return replace(document, token_ids=ids, bytes=len(text.encode()), characters=len(text))
