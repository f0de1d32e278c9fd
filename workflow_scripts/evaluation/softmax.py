"""Softmax over a large vocabulary, one part of it after the other: no more logits are held than of a part, for some tokens."""

import torch
from transformers import PreTrainedModel

from workflow_scripts.evaluation.head import logits_of, vocabulary_parts


def sum_dtype(device: torch.device) -> torch.dtype:
    """What sums over the vocabulary are kept in: float64, which Apple's GPUs do not have."""
    return torch.float32 if device.type == "mps" else torch.float64


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
        # Of a part that a model rules out altogether all logits are -inf.
        base = torch.where(peak.isneginf(), 0, peak)
        faded = (self.peak - base).exp().to(self.total.dtype)
        weights = (logits - base[:, None]).exp_()
        self.peak, self.total = peak, self.total * faded + weights.sum(-1)
        return weights, faded

    @property
    def partition(self) -> torch.Tensor:
        """The logarithm of the sum of the exponentials of all logits, [tokens]."""
        return self.peak + self.total.log()


@torch.no_grad()
def log_probabilities(
    model: PreTrainedModel, states: torch.Tensor, places: torch.Tensor, tokens: torch.Tensor
) -> torch.Tensor:
    """Log-probabilities of chosen next tokens, float64 on the CPU (float32 where `sum_dtype` is), in the order given.

    Args:
        model: gives its head.
        states: last hidden states [states, hidden].
        places: the state that predicts a token, int64 [tokens].
        tokens: the tokens, int64 [tokens].
    """
    device = model.device
    parts, size = vocabulary_parts(model)
    chosen = torch.empty(len(tokens), dtype=sum_dtype(device), device=device)
    places, tokens = places.to(device), tokens.to(device)
    for start in range(0, len(states), size):
        some = states[start : start + size].to(device)
        softmax = RunningSoftmax(len(some), device)
        here = (start <= places) & (places < start + size)
        for part in parts:
            logits = logits_of(model, some, part).float()
            wanted = (here & (part.start <= tokens) & (tokens < part.start + logits.shape[-1])).nonzero()[:, 0]
            chosen[wanted] = logits[places[wanted] - start, tokens[wanted] - part.start].to(chosen.dtype)
            softmax.add(logits, part.start)
        chosen[here] -= softmax.partition[places[here] - start]
    return chosen.cpu()
