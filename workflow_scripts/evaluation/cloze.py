"""Scores of factual cloze items (`cloze_items`).

A candidate's score is the log-likelihood of its tokens after the prompt; the margin of an item is the true candidate's
score minus the best other's, in nats. Margins move before answers do, so they tell variants apart that answer alike.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import pyarrow as pa
import torch
from tqdm import tqdm
from transformers import Cache, PreTrainedModel

from workflow_scripts.evaluation.cloze_items import EncodedItem, Tokens
from workflow_scripts.evaluation.likelihood import Continuation, log_likelihoods
from workflow_scripts.evaluation.schemas.cloze import CLOZE_SCHEMA
from workflow_scripts.evaluation.softmax import log_probabilities


@torch.no_grad()
def score_items(model: PreTrainedModel, items: Sequence[EncodedItem], tokens: int) -> pa.Table:
    """A row of CLOZE_SCHEMA an item, in the order given; about `tokens` go through the model at a time.

    A prompt goes through the model once; its candidates go on from the keys and values that are kept of it. With 0 tokens every
    statement goes through the model alone and as a whole.

    Raises:
        ArithmeticError: a log-likelihood is not finite.
    """
    if not tokens:
        statements = [Continuation(statement, item.shared) for item in items for statement in item.statements]
        scores = iter(log_likelihoods(model, statements, tokens))
        return _table(items, [[next(scores) for _ in item.statements] for item in items])
    wanted = _wanted(items)
    states: dict[Tokens, torch.Tensor] = {}
    for batch in tqdm(list(_batches(items, tokens)), desc="cloze", unit="batch", disable=None):
        states |= _states(model, batch)
    found = _log_probabilities(model, states, wanted)
    return _table(items, [_scores(item, found) for item in items])


def _wanted(items: Iterable[EncodedItem]) -> dict[Tokens, list[int]]:
    """Context -> next tokens whose log-probability is asked for. Candidates share contexts, the prompt above all."""
    wanted: dict[Tokens, list[int]] = {}
    for item in items:
        for statement in item.statements:
            for place in range(item.shared, len(statement)):
                following = wanted.setdefault(statement[:place], [])
                if statement[place] not in following:
                    following.append(statement[place])
    return wanted


def _batches(items: Iterable[EncodedItem], tokens: int) -> Iterator[list[EncodedItem]]:
    """Items whose prompts have as many tokens, so that none is padded, as many of them as `tokens` allow."""
    for shared, group in groupby(sorted(items, key=lambda item: item.shared), key=lambda item: item.shared):
        members = list(group)
        longest = max(len(statement) for item in members for statement in item.statements)
        together = max(1, tokens // (len(members[0].statements) * max(shared, longest)))
        yield from (members[start : start + together] for start in range(0, len(members), together))


def _states(model: PreTrainedModel, items: list[EncodedItem]) -> dict[Tokens, torch.Tensor]:
    """Context -> last hidden state, of every context of items whose prompts have as many tokens."""
    shared, wanted = items[0].shared, _wanted(items)
    prompts = [context for context in wanted if len(context) == shared]
    read = model.base_model(input_ids=torch.tensor(prompts, device=model.device), use_cache=True)
    found = dict(zip(prompts, read.last_hidden_state[:, -1].clone(), strict=True))
    runs = [run for run in _maximal(wanted) if len(run) > shared]
    if not runs:
        return found
    kept = getattr(read, "past_key_values", None)
    # Models that keep nothing, or in a way of their own, read their prompts again.
    past = kept if isinstance(kept, Cache) else None
    known = shared if past is not None else 0
    if past is not None:
        past.reorder_cache(torch.tensor([prompts.index(run[:shared]) for run in runs], device=model.device))
    longest = max(map(len, runs))
    # Padded on the right, where a causal model does not see it.
    rest = torch.tensor([[*run[known:], *[0] * (longest - len(run))] for run in runs], device=model.device)
    hidden = model.base_model(input_ids=rest, past_key_values=past, use_cache=past is not None).last_hidden_state
    for run, row in zip(runs, hidden, strict=True):
        # Copies: a row would keep the states of the whole batch.
        found |= {run[:end]: row[end - 1 - known].clone() for end in range(shared + 1, len(run) + 1)}
    return found


def _maximal(contexts: Iterable[Tokens]) -> Iterator[Tokens]:
    """The contexts that begin no other: a causal model's states at their tokens serve all that they begin with."""
    ordered = sorted(contexts)
    for context, following in zip(ordered, [*ordered[1:], ()], strict=True):
        if following[: len(context)] != context:
            yield context


def _log_probabilities(
    model: PreTrainedModel, states: dict[Tokens, torch.Tensor], wanted: dict[Tokens, list[int]]
) -> dict[tuple[Tokens, int], float]:
    """Context and next token -> log-probability, of all that is wanted."""
    pairs = [(place, token) for place, tokens in enumerate(wanted.values()) for token in tokens]
    stacked = torch.stack([states[context] for context in wanted])
    scores = log_probabilities(model, stacked, *torch.tensor(pairs).T).tolist()
    contexts = list(wanted)
    return {(contexts[place], token): score for (place, token), score in zip(pairs, scores, strict=True)}


def _scores(item: EncodedItem, found: dict[tuple[Tokens, int], float]) -> list[float]:
    return [
        sum(found[statement[:place], statement[place]] for place in range(item.shared, len(statement)))
        for statement in item.statements
    ]


def _table(items: Sequence[EncodedItem], scores: Iterable[list[float]]) -> pa.Table:
    return pa.Table.from_pylist(list(map(_row, items, scores)), schema=CLOZE_SCHEMA)


def _row(item: EncodedItem, scores: list[float]) -> dict[str, object]:
    if not torch.tensor(scores).isfinite().all():
        raise ArithmeticError(
            f"A log-likelihood of {item.item_id} is not finite: use compute.dtype float32 or bfloat16."
        )
    best_other = max(score for place, score in enumerate(scores) if place != item.answer)
    return {
        "item_id": item.item_id,
        "hash": item.hash,
        "category": item.category,
        "answer": item.answer,
        "loglikelihoods": scores,
        "tokens": [len(statement) - item.shared for statement in item.statements],
        "margin": scores[item.answer] - best_other,
        "correct": scores[item.answer] > best_other,
    }
