"""What the blocks of a model make of sentences: a vector a sentence and block, and its error against the dense model.

A sentence goes through the model by itself, after the token that begins a text; its vector is the mean of the block's output
over its own tokens.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from tqdm import tqdm
from transformers import PreTrainedModel

from workflow_scripts.models.blocks import find_blocks


@dataclass(frozen=True)
class Representations:
    """What a model makes of sentences.

    Attributes:
        pooled: float32 [blocks, sentences, hidden], mean over the tokens of a sentence.
        power: float64 [blocks, sentences], squares of the dense model's states, summed over tokens and features.
        noise: float64 [blocks, sentences], the same of the difference from them; zero for the dense model.
    """

    pooled: torch.Tensor
    power: torch.Tensor
    noise: torch.Tensor

    def tensors(self) -> dict[str, torch.Tensor]:
        """Name -> tensor, as stored."""
        return dict(vars(self))


class Observer:
    """Sends the same sentences through a model and its variants, in the same batches."""

    def __init__(self, sequences: Sequence[Sequence[int]], batch: int) -> None:
        """
        Args:
            sequences: token ids of each sentence, after the token that begins a text.
            batch: sentences at a time.
        """
        # Sentences of similar length go together, so that little is padded; causal models do not see what is on the right.
        ordered = sorted(range(len(sequences)), key=lambda number: -len(sequences[number]))
        self._batches = [ordered[start : start + batch] for start in range(0, len(ordered), batch)]
        self._sequences = sequences
        self._dense: list[torch.Tensor] = []

    def remember_dense(self, model: PreTrainedModel) -> None:
        """Keep the dense model's states [blocks, tokens, hidden] of every batch, which variants are compared with.

        That is blocks x tokens x hidden numbers in the model's dtype: 1 GB for 4000 tokens of an 8B model.
        """
        self._dense = [states for _, states in self._passes(model, "dense states")]

    @torch.no_grad()
    def observe(self, model: PreTrainedModel) -> Representations:
        """What a model makes of the sentences; it is the dense one where none is remembered."""
        blocks, sentences = len(find_blocks(model)), len(self._sequences)
        pooled = torch.empty(blocks, sentences, model.config.hidden_size)
        power, noise = (torch.zeros(blocks, sentences, dtype=torch.float64) for _ in range(2))
        for place, (members, states) in enumerate(self._passes(model, "sentences")):
            dense = self._dense[place] if self._dense else states
            lengths = [len(self._sequences[number]) - 1 for number in members]
            for number, own, reference in zip(members, states.split(lengths, 1), dense.split(lengths, 1), strict=True):
                pooled[:, number] = own.double().mean(1).float()
                power[:, number] = reference.double().square().sum((1, 2))
                noise[:, number] = (own.double() - reference.double()).square().sum((1, 2))
        return Representations(pooled, power, noise)

    @torch.no_grad()
    def _passes(self, model: PreTrainedModel, label: str) -> Iterator[tuple[list[int], torch.Tensor]]:
        """Numbers of the sentences of a batch, and the blocks' outputs for their own tokens, one after the other."""
        for members in tqdm(self._batches, desc=label, unit="batch", disable=None):
            sequences = [list(self._sequences[number]) for number in members]
            longest = max(map(len, sequences))
            padded = torch.tensor([ids + [0] * (longest - len(ids)) for ids in sequences], device=model.device)
            own = torch.tensor([[0 < at < len(ids) for at in range(longest)] for ids in sequences], device=model.device)
            with block_outputs(model) as outputs:
                model.base_model(input_ids=padded, use_cache=False)
            yield members, torch.stack([output[own].cpu() for output in outputs])


@contextmanager
def block_outputs(model: PreTrainedModel) -> Iterator[list[torch.Tensor]]:
    """A list that a forward pass inside fills with the output of every block [sequences, length, hidden], in order."""
    outputs: list[torch.Tensor] = []

    def keep(_: nn.Module, __: Any, output: Any) -> None:
        outputs.append(output if isinstance(output, torch.Tensor) else output[0])

    with ExitStack() as handles:
        for block in find_blocks(model):
            handles.callback(block.register_forward_hook(keep).remove)
        yield outputs
