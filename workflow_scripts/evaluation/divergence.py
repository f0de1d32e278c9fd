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

from workflow_scripts.evaluation.head import ROWS, logits_of, vocabulary_parts


class TokenScores(NamedTuple):
    """Of one variant, a number a scored token: float32 [tokens], float32 [tokens], bool [tokens].

    `nats` is the negative log-likelihood of the token that stands in the text; `divergence` the Kullback-Leibler
    divergence KL(dense || variant) of the two distributions over the vocabulary, in nats; `agreement` whether both have
    the same likeliest token.
    """

    nats: torch.Tensor
    divergence: torch.Tensor
    agreement: torch.Tensor


class RunningSoftmax:
    """Sum of exponentials and likeliest token of logits that come one part of the vocabulary after the other.

    Attributes:
        peak: the highest logit so far, float32 [tokens].
        total: the sum of exp(logit - peak) so far, [tokens], of the `sum_dtype` of the device.
        likeliest: the token of the highest logit, the first of equals, int64 [tokens].
    """

    def __init__(self, tokens: int, device: torch.device) -> None:
        self.peak = torch.full((tokens,), -torch.inf, device=device)
        self.total = torch.zeros(tokens, dtype=sum_dtype(device), device=device)
        self.likeliest = torch.zeros(tokens, dtype=torch.int64, device=device)

    def add(self, logits: torch.Tensor, first: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Take in a part.

        Args:
            logits: float32 [tokens, part].
            first: the first token of the part.

        Returns:
            exp(logits - peak) [tokens, part], and the factor [tokens] by which what was summed before is less by the new peak.
        """
        top, place = logits.max(-1)
        self.likeliest = torch.where(top > self.peak, place + first, self.likeliest)
        peak = torch.maximum(self.peak, top)
        faded = (self.peak - peak).exp().to(self.total.dtype)
        weights = (logits - peak[:, None]).exp_()
        self.peak, self.total = peak, self.total * faded + weights.sum(-1)
        return weights, faded

    @property
    def partition(self) -> torch.Tensor:
        """The logarithm of the sum of the exponentials of all logits, [tokens]."""
        return self.peak + self.total.log()


def sum_dtype(device: torch.device) -> torch.dtype:
    """What sums over the vocabulary are kept in: float64, which Apple's GPUs do not have."""
    return torch.float32 if device.type == "mps" else torch.float64


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
    parts = vocabulary_parts(model, dense[:1].to(model.device))
    slices = [slice(start, start + ROWS) for start in range(0, len(targets), ROWS)]
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
        inside = (part.start <= targets) & (targets < part.stop)
        places = (targets - part.start).clamp(0, part.stop - part.start - 1)[:, None]
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
