"""Text that the dense model writes itself in the language, after the first words of each document.

Self-generated calibration text needs no corpus beyond those words (Williams, Chrysostomou & Aletras 2024, arXiv
2410.17170). Tokens are sampled from the model's own distribution, unsharpened; the opening words are not kept.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
from tqdm import tqdm
from transformers import GenerationConfig

from workflow_scripts.controls import Original
from workflow_scripts.corpora.tokens import TokenizedDocument
from workflow_scripts.models.checkpoint import load_model
from workflow_scripts.models.device import settle

OPENING = 8
"""Tokens of a document that the model continues."""
LONGEST = 1024
"""Tokens that are written after an opening at most, however long the document."""
BATCH = 16
"""Documents at a time; which samples are drawn depends on it."""


def make(original: Original, register: str | None) -> list[TokenizedDocument]:
    """A continuation of every document longer than an opening, as long as that document, up to `LONGEST` tokens."""
    device, dtype, _ = settle(original.compute, original.directory)
    model = load_model(original.directory, dtype, device)
    # A checkpoint may bring a repetition penalty and the like, which would sharpen what is sampled.
    model.generation_config = GenerationConfig()
    torch.manual_seed(0)
    documents = [document for document in original.tokens if len(document.token_ids) > OPENING]
    starts = range(0, len(documents), BATCH)
    batches = (documents[start : start + BATCH] for start in tqdm(starts, "documents", unit="batch", disable=None))
    return [made for batch in batches for made in _continued(model, original, batch)]


def _continued(model, original: Original, batch: list[TokenizedDocument]) -> Iterator[TokenizedDocument]:
    head = [] if original.bos is None else [original.bos]
    openings = torch.tensor([head + document.token_ids[:OPENING] for document in batch], device=model.device)
    longest = min(LONGEST, max(len(document.token_ids) for document in batch))
    # Every text goes on to the length of its document, so special tokens, the end of the text among them, are ruled out.
    written = model.generate(
        openings,
        attention_mask=torch.ones_like(openings),
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        max_new_tokens=longest,
        suppress_tokens=sorted(original.tokenizer.added_tokens_decoder),
        pad_token_id=original.tokenizer.pad_token_id or 0,
    )[:, openings.shape[1] :].tolist()
    for document, ids in zip(batch, written, strict=True):
        kept = ids[: len(document.token_ids)]
        text = original.tokenizer.decode(kept)
        yield replace(document, token_ids=kept, bytes=len(text.encode()), characters=len(text))
