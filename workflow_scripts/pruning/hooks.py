"""Listen to the linears of a block while windows pass: their shared inputs, and a sample of what goes in and comes out."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import torch
from torch import nn

from workflow_scripts.models.blocks import UnsupportedArchitecture
from workflow_scripts.pruning.statistics import Statistics


@dataclass(frozen=True)
class Sample:
    """The tokens on which errors are measured: the first `length` of each of the first `windows` windows."""

    windows: int
    length: int

    def of(self, values: torch.Tensor, windows: int) -> torch.Tensor:
        """The sampled tokens [tokens, features] of values that belong to the first `windows` windows, as a copy."""
        by_window = values.reshape(windows, -1, values.shape[-1])
        return by_window[: self.windows, : self.length].flatten(0, 1).clone()


@dataclass
class SharedInput:
    """Linears that read the same tensor (q, k and v; gate and up), with its statistics and a sample of its tokens."""

    modules: list[str]
    statistics: Statistics
    sample: torch.Tensor | None = None


class _AllSeen(Exception):
    """Raised by the input of the last linear of a block: nothing that the forward pass would still compute is wanted."""


@dataclass
class InputListener:
    """Collects statistics per shared input, batch by batch."""

    linears: Mapping[str, nn.Linear]
    kind: str
    inputs: dict[str, SharedInput] = field(default_factory=dict)
    _leader: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def batch(self, weights: torch.Tensor, sample: Sample | None) -> Iterator[None]:
        """Listen to one batch with the weights [windows] of its windows, sampled if it is the first.

        The pass inside is cut short as soon as the inputs of all linears are known.
        """
        current: list[tuple[torch.Tensor, str]] = []
        waiting = set(self.linears)

        def listen(name: str, linear: nn.Linear, args: tuple[torch.Tensor]) -> None:
            inputs = args[0]
            leader = next((leader for tensor, leader in current if tensor is inputs), name)
            if self._leader.setdefault(name, leader) != leader:
                raise UnsupportedArchitecture(
                    f"{name} shares its input in one batch and not in another: not supported."
                )
            if leader == name:
                current.append((inputs, name))
                self._update(name, inputs.reshape(len(weights), -1, linear.in_features), weights, sample)
            waiting.discard(name)
            if not waiting:
                raise _AllSeen

        with _hooks(self.linears, lambda name: lambda linear, args: listen(name, linear, args), before=True):
            try:
                yield
            except _AllSeen:
                return

    def _update(self, name: str, inputs: torch.Tensor, weights: torch.Tensor, sample: Sample | None) -> None:
        if name not in self.inputs:
            self.inputs[name] = SharedInput([], Statistics(self.kind, inputs.shape[-1], inputs.dtype, inputs.device))
        if sample:
            self.inputs[name].sample = sample.of(inputs, len(inputs))
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
def output_samples(linears: Mapping[str, nn.Linear], windows: int, sample: Sample) -> Iterator[dict[str, torch.Tensor]]:
    """Module -> sampled outputs [tokens, out_features], when the first `windows` windows run inside.

    Raises:
        UnsupportedArchitecture: a linear is called more than once, so that its inputs are not what they seem.
    """
    outputs: dict[str, torch.Tensor] = {}

    def listen(name: str):
        def hook(linear: nn.Linear, args: tuple, output: torch.Tensor) -> None:
            if name in outputs:
                raise UnsupportedArchitecture(f"{name} is called more than once in a forward pass: not supported.")
            outputs[name] = sample.of(output, windows)

        return hook

    with _hooks(linears, listen, before=False):
        yield outputs


@contextmanager
def _hooks(linears: Mapping[str, nn.Linear], make_hook, before: bool) -> Iterator[None]:
    with ExitStack() as handles:
        for name, linear in linears.items():
            register = linear.register_forward_pre_hook if before else linear.register_forward_hook
            handles.callback(register(make_hook(name)).remove)
        yield
