"""Log-likelihood of continuations: how likely a model finds some tokens after others, whatever it would write itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tqdm import tqdm
from transformers import PreTrainedModel

from workflow_scripts.evaluation.softmax import log_probabilities


@dataclass(frozen=True)
class Continuation:
    """Token ids of a whole text, of which those from `start` on are scored; `start` is 1 at least."""

    token_ids: tuple[int, ...]
    start: int

    @property
    def tokens(self) -> int:
        """Scored tokens."""
        return len(self.token_ids) - self.start


@torch.no_grad()
def log_likelihoods(model: PreTrainedModel, texts: Sequence[Continuation], tokens: int) -> list[float]:
    """Nats of the scored tokens of every text, in the order given; about `tokens` go through the model at a time.

    Raises:
        ArithmeticError: a log-likelihood is not finite.
    """
    queue = sorted(range(len(texts)), key=lambda number: -len(texts[number].token_ids))
    found: dict[int, float] = {}
    with tqdm(total=len(texts), desc="answers", unit="answer", disable=None) as bar:
        while queue:
            size = max(1, tokens // len(texts[queue[0]].token_ids))
            members, queue = queue[:size], queue[size:]
            found |= zip(members, _scores(model, [texts[number] for number in members]), strict=True)
            bar.update(len(members))
    scores = [found[number] for number in range(len(texts))]
    if not torch.tensor(scores).isfinite().all():
        raise ArithmeticError("A log-likelihood is not finite: use compute.dtype float32 or bfloat16.")
    return scores


def _scores(model: PreTrainedModel, texts: Sequence[Continuation]) -> list[float]:
    longest = max(len(text.token_ids) for text in texts)
    # On the right, where a causal model does not see it.
    padded = torch.tensor([[*text.token_ids, *[0] * (longest - len(text.token_ids))] for text in texts])
    hidden = model.base_model(input_ids=padded.to(model.device), use_cache=False).last_hidden_state
    rows = [row[text.start - 1 : len(text.token_ids) - 1] for row, text in zip(hidden, texts, strict=True)]
    targets = torch.tensor([token for text in texts for token in text.token_ids[text.start :]])
    found = log_probabilities(model, torch.cat(rows), torch.arange(len(targets)), targets)
    return [part.sum().item() for part in found.split([text.tokens for text in texts])]
