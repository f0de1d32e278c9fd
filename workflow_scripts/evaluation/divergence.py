"""Divergence of variants from the dense model, token by token, from the last hidden states of both.

The head of a model is never pruned, so all variants share it. Logits of a large vocabulary are the costliest part of an
evaluation: those of the dense model are computed once for all variants of a job, and no more of any are held than a part of the
vocabulary for a slice of the tokens.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from tqdm import tqdm
from transformers import PreTrainedModel

from workflow_scripts.evaluation.head import logits_of, vocabulary_parts
from workflow_scripts.evaluation.softmax import RunningSoftmax, sum_dtype


class TokenScores(NamedTuple):
    """Of one variant, a number a scored token: float32 [tokens], float32 [tokens], bool [tokens].

    `nats` is the negative log-likelihood of the token that stands in the text; `divergence` the Kullback-Leibler
    divergence KL(dense || variant) of the two distributions over the vocabulary, in nats; `agreement` whether both have
    the same likeliest token.
    """

    nats: torch.Tensor
    divergence: torch.Tensor
    agreement: torch.Tensor


@torch.no_grad()
def score_tokens(
    model: PreTrainedModel, targets: torch.Tensor, dense: torch.Tensor, variants: Sequence[torch.Tensor]
) -> list[TokenScores]:
    """Scores of every variant, in the order given.

    Args:
        model: gives its head.
        targets: tokens of the text, int64 [tokens].
        dense: last hidden states of the dense model that predict them, [tokens, hidden].
        variants: the same of each variant; `dense` itself is not computed again.
    """
    parts, size = vocabulary_parts(model)
    slices = [slice(start, start + size) for start in range(0, len(targets), size)]
    found = [
        _score_slice(model, parts, targets[rows], dense[rows], [None if v is dense else v[rows] for v in variants])
        for rows in tqdm(slices, desc="logits", unit="slice", disable=None)
    ]
    return [TokenScores(*map(torch.cat, zip(*of_variant, strict=True))) for of_variant in zip(*found, strict=True)]


def _score_slice(
    model: PreTrainedModel,
    parts: Sequence[slice],
    targets: torch.Tensor,
    dense: torch.Tensor,
    variants: Sequence[torch.Tensor | None],
) -> list[TokenScores]:
    """Scores of some tokens, on the CPU; no states stand for the dense model's.

    With p and q the distributions of the dense model and of a variant, and l and m their logits,
    KL(p || q) = sum p (l - m) + log sum exp m - log sum exp l: exactly zero where the logits are equal.
    """
    targets, device = targets.to(model.device), model.device
    dense, variants = dense.to(device), [None if states is None else states.to(device) for states in variants]
    reference, softmaxes = (
        RunningSoftmax(len(targets), device),
        [RunningSoftmax(len(targets), device) for _ in variants],
    )
    gaps, of_targets = torch.zeros(2, len(variants), len(targets), dtype=sum_dtype(device), device=device)
    for part in parts:
        own = logits_of(model, dense, part).float()
        weights, faded = reference.add(own, part.start)
        places = targets - part.start
        inside = (places >= 0) & (places < own.shape[-1])
        places = places.clamp(0, own.shape[-1] - 1)[:, None]
        for number, (states, softmax) in enumerate(zip(variants, softmaxes, strict=True)):
            logits = own if states is None else logits_of(model, states, part).float()
            softmax.add(logits, part.start)
            gaps[number] = gaps[number] * faded + (own - logits).mul_(weights).sum(-1)
            of_targets[number] = torch.where(inside, logits.gather(-1, places)[:, 0].to(gaps.dtype), of_targets[number])
    return [
        TokenScores(
            (softmax.partition - of_target).float().cpu(),
            (gap / reference.total + softmax.partition - reference.partition).float().cpu(),
            (softmax.likeliest == reference.likeliest).cpu(),
        )
        for softmax, gap, of_target in zip(softmaxes, gaps, of_targets, strict=True)
    ]
