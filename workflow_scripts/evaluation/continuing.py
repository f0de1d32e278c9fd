"""Have a model continue the beginnings of evaluation documents, the likeliest token at a time, and keep what it writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import pyarrow as pa
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from workflow_scripts.corpora.tokens import TokenizedDocument
from workflow_scripts.evaluation.generation import ends_of, write_greedily
from workflow_scripts.evaluation.schemas.continuations import CONTINUATIONS_SCHEMA


@dataclass(frozen=True)
class Beginning:
    """The first tokens of a document, without the token that begins a text."""

    doc_id: str
    token_ids: tuple[int, ...]


def beginnings(documents: Sequence[TokenizedDocument], prompts: int, opening: int) -> list[Beginning]:
    """The first `opening` tokens of each of the first `prompts` documents that are longer.

    Raises:
        ValueError: fewer documents are longer.
    """
    longer = [document for document in documents if len(document.token_ids) > opening][:prompts]
    if len(longer) < prompts:
        raise ValueError(
            f"{len(longer)} evaluation documents are longer than {opening} tokens, fewer than the {prompts} of "
            "evaluation.continuations.prompts: lower that number, or evaluation.continuations.opening."
        )
    return [Beginning(document.doc_id, tuple(document.token_ids[:opening])) for document in longer]


def continue_all(
    model: PreTrainedModel,
    begun: Sequence[Beginning],
    tokenizer: PreTrainedTokenizerBase,
    start: int,
    tokens: int,
    batch: int,
) -> pa.Table:
    """A row of CONTINUATIONS_SCHEMA a beginning, in the order given.

    Args:
        model: the model.
        begun: the beginnings.
        tokenizer: the model's own.
        start: the token that begins a text.
        tokens: tokens to write at most.
        batch: texts that are written at a time.
    """
    ends = ends_of(tokenizer)
    written = write_greedily(model, [(start, *each.token_ids) for each in begun], tokens, ends, batch)
    rows = [_row(each, ids, ends, tokenizer) for each, ids in zip(begun, written, strict=True)]
    return pa.Table.from_pylist(rows, schema=CONTINUATIONS_SCHEMA)


def _row(begun: Beginning, ids: list[int], ends: set[int], tokenizer: PreTrainedTokenizerBase) -> dict[str, object]:
    ended = bool(ids) and ids[-1] in ends
    kept = ids[:-1] if ended else ids
    prompt, whole = tokenizer.decode(begun.token_ids), tokenizer.decode([*begun.token_ids, *kept])
    return {
        "doc_id": begun.doc_id,
        "prompt": prompt,
        # Decoded after the prompt, for a blank before the first word may be lost, or a letter that both share be broken.
        "text": whole[sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(prompt, whole, strict=False))) :],
        "token_ids": kept,
        "ended": ended,
    }
