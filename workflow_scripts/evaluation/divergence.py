"""Divergence of variants from the dense model, token by token, from the last hidden states of both.

The head of a model is never pruned, so all variants share it. Logits of a large vocabulary are the costliest part of an
evaluation: those of the dense model are computed once for all variants of a job, a slice of the tokens at a time.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from tqdm import tqdm
from transformers import PreTrainedModel

from workflow_scripts.evaluation.head import logits_of, rows_at_a_time

ROWS = 8
"""Rows multiplied at a time: all of them would take as much memory as the logits."""


class TokenScores(NamedTuple):
    """Of one variant, a number a scored token: float32 [tokens], float32 [tokens], bool [tokens].

    `nats` is the negative log-likelihood of the token that stands in the text; `divergence` the Kullback-Leibler
    divergence KL(dense || variant) of the two distributions over the vocabulary, in nats; `agreement` whether both have
    the same likeliest token.
    """

    nats: torch.Tensor
    divergence: torch.Tensor
    agreement: torch.Tensor


class Reference(NamedTuple):
    """The dense model's distribution p over the vocabulary for a slice of tokens.

    `probabilities` [tokens, vocabulary]; the rest [tokens]: `expected` is the mean of the dense logits under p, `partition`
    the logarithm of the sum of their exponentials, `likeliest` the token with the highest.
    """

    probabilities: torch.Tensor
    expected: torch.Tensor
    partition: torch.Tensor
    likeliest: torch.Tensor


@torch.no_grad()
def score_tokens(
    model: PreTrainedModel, targets: torch.Tensor, dense: torch.Tensor, variants: Sequence[torch.Tensor]
) -> list[TokenScores]:
    """Scores of every variant, in the order given.

    Args:
        model: gives its head.
        targets: tokens of the text, int64 [tokens].
        dense: last hidden states of the dense model that predict them, [tokens, hidden].
        variants: the same of each variant.
    """
    size = rows_at_a_time(model)
    parts: list[list[TokenScores]] = [[] for _ in variants]
    for start in tqdm(range(0, len(targets), size), desc="logits", unit="slice", disable=None):
        rows = slice(start, start + size)
        wanted = targets[rows].to(model.device)
        reference = _reference(_logits(model, dense[rows]))
        for part, states in zip(parts, variants, strict=True):
            part.append(compare(_logits(model, states[rows]), reference, wanted))
    return [TokenScores(*(torch.cat(column).cpu() for column in zip(*part, strict=True))) for part in parts]


def compare(logits: torch.Tensor, reference: Reference, targets: torch.Tensor) -> TokenScores:
    """Scores of a slice of tokens from a variant's logits [tokens, vocabulary].

    KL(p || q) = sum p (log p - log q), with log p and log q as logits minus their partitions: then the variant takes no
    softmax of its own, and its divergence is exactly zero where its logits are the dense model's.
    """
    partition = logits.logsumexp(-1)
    nats = partition - logits.gather(-1, targets[:, None])[:, 0]
    divergence = (reference.expected - _row_products(reference.probabilities, logits)) + (
        partition - reference.partition
    )
    return TokenScores(nats, divergence, logits.argmax(-1) == reference.likeliest)


def _reference(logits: torch.Tensor) -> Reference:
    partition = logits.logsumexp(-1)
    probabilities = (logits - partition[:, None]).exp_()
    return Reference(probabilities, _row_products(probabilities, logits), partition, logits.argmax(-1))


def _row_products(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Inner product of each row with the same row, a few rows at a time.

    A matrix product adds hundreds of thousands of terms one after the other, and is wrong by 0.006 nats in float32 where
    the pairwise sum is by 0.000006 (Gemma 3, 262144 tokens).
    """
    pairs = zip(left.split(ROWS), right.split(ROWS), strict=True)
    return torch.cat([(some * others).sum(-1) for some, others in pairs])


def _logits(model: PreTrainedModel, states: torch.Tensor) -> torch.Tensor:
    return logits_of(model, states.to(model.device)).float()
