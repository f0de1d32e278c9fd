"""Listen to the linears of a block while windows pass: their shared inputs, and a sample of what goes in and comes out."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import nn

from workflow_scripts.models.blocks import UnsupportedArchitecture
from workflow_scripts.pruning.statistics import Statistics

SAMPLE_TOKENS = 256


@dataclass
class SharedInput:
    """Linears that read the same tensor (q, k and v; gate and up), with its statistics and a sample of its tokens."""

    modules: list[str]
    statistics: Statistics
    sample: torch.Tensor | None = None


@dataclass
class InputListener:
    """Collects statistics per shared input, batch by batch."""

    linears: Mapping[str, nn.Linear]
    kind: str
    inputs: dict[str, SharedInput] = field(default_factory=dict)
    _leader: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def batch(self, weights: torch.Tensor, sampled: int) -> Iterator[None]:
        """Listen to one batch with the weights [windows] of its windows; its first `sampled` windows are sampled."""
        current: list[tuple[torch.Tensor, str]] = []

        def listen(name: str, linear: nn.Linear, args: tuple[torch.Tensor]) -> None:
            inputs = args[0]
            leader = next((leader for tensor, leader in current if tensor is inputs), name)
            if self._leader.setdefault(name, leader) != leader:
                raise UnsupportedArchitecture(
                    f"{name} shares its input in one batch and not in another: not supported."
                )
            if leader == name:
                current.append((inputs, name))
                self._update(name, inputs.reshape(len(weights), -1, linear.in_features), weights, sampled)

        with _hooks(self.linears, lambda name: lambda linear, args: listen(name, linear, args), before=True):
            yield

    def _update(self, name: str, inputs: torch.Tensor, weights: torch.Tensor, sampled: int) -> None:
        if name not in self.inputs:
            self.inputs[name] = SharedInput([], Statistics(self.kind, inputs.shape[-1], inputs.dtype, inputs.device))
        if sampled:
            self.inputs[name].sample = sample_tokens(inputs[:sampled])
        self.inputs[name].statistics.update(inputs, weights)

    def shared_inputs(self) -> list[SharedInput]:
        """What was collected; raises UnsupportedArchitecture when a linear was never called."""
        for name in self.linears:
            if name not in self._leader:
                raise UnsupportedArchitecture(f"{name} is not used by the model's forward pass: not supported.")
        for shared in self.inputs.values():
            shared.modules.clear()
        for name, leader in self._leader.items():
            self.inputs[leader].modules.append(name)
        return list(self.inputs.values())


@contextmanager
def output_samples(linears: Mapping[str, nn.Linear], windows: int, sampled: int) -> Iterator[dict[str, torch.Tensor]]:
    """Module -> outputs [tokens, out_features] for sampled tokens of the first `sampled` of the `windows` that run inside."""
    outputs: dict[str, torch.Tensor] = {}

    def listen(name: str):
        def hook(linear: nn.Linear, args: tuple, output: torch.Tensor) -> None:
            outputs[name] = sample_tokens(output.reshape(windows, -1, linear.out_features)[:sampled])

        return hook

    with _hooks(linears, listen, before=False):
        yield outputs


def sample_tokens(values: torch.Tensor) -> torch.Tensor:
    """Up to SAMPLE_TOKENS evenly spaced tokens of [windows, length, features] as [tokens, features]."""
    tokens = values.flatten(0, 1)
    step = -(-len(tokens) // SAMPLE_TOKENS)
    return tokens[::step].clone()


@contextmanager
def _hooks(linears: Mapping[str, nn.Linear], make_hook, before: bool) -> Iterator[None]:
    handles = [
        linear.register_forward_pre_hook(make_hook(name)) if before else linear.register_forward_hook(make_hook(name))
        for name, linear in linears.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
