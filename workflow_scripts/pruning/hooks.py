"""Listen to the linears of a block while windows pass: their shared inputs, and a sample of what goes in and comes out."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import local
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from workflow_scripts.models.blocks import UnsupportedArchitecture
from workflow_scripts.models.experts import ExpertLinear
from workflow_scripts.pruning.parallel import Turns
from workflow_scripts.pruning.statistics import Statistics

SAMPLE_TOKENS = 256
"""About as many tokens are behind an error."""

Linears = Mapping[str, nn.Linear | ExpertLinear]


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


@dataclass
class _Batch:
    """What a thread has heard of the batch that it is at."""

    number: int
    weights: torch.Tensor
    sample: Sample | None
    waiting: set[str]
    inputs: list[tuple[torch.Tensor, str]] = field(default_factory=list)


class _AllSeen(Exception):
    """Raised by the input of the last linear of a block: nothing that the forward pass would still compute is wanted."""


@dataclass
class InputListener:
    """Collects statistics per shared input, batch by batch."""

    linears: Linears
    kind: str
    inputs: dict[str, SharedInput] = field(default_factory=dict)
    _leader: dict[str, str] = field(default_factory=dict)
    turns: Turns = field(default_factory=Turns)
    _heard: local = field(default_factory=local)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear the linears while batches pass inside, in whatever threads."""
        with _hooks(self.linears, lambda name: lambda linear, args: self._listen(name, linear, args), before=True):
            yield

    @contextmanager
    def batch(self, number: int, weights: torch.Tensor, sample: Sample | None = None) -> Iterator[None]:
        """Listen to one batch with the weights [windows] of its windows, in this thread; of the first, number 0, take a sample.

        The pass inside is cut short as soon as the inputs of all linears are known. Experts are not waited for, as one that
        is given no token is never called: with experts the pass goes on to its end. Windows must then have one weight.
        """
        heard = self._heard.batch = _Batch(number, weights, sample, set(self.linears))

        def listen_to_expert(names: list[str], inputs: torch.Tensor) -> None:
            self._leader |= dict.fromkeys(names, names[0])
            known = names[0] in self.inputs
            # The tokens are those of any window, so that together they count as one, of the weight that all windows have.
            self._update(names[0], inputs[None], heard.weights[:1], None if known else inputs[:SAMPLE_TOKENS].clone())

        with _expert_calls(self.linears, listen_to_expert):
            try:
                yield
            except _AllSeen:
                return

    def _listen(self, name: str, linear: nn.Linear, args: tuple[torch.Tensor]) -> None:
        inputs, heard = args[0], self._heard.batch
        leader = next((leader for tensor, leader in heard.inputs if tensor is inputs), name)
        if self._leader.setdefault(name, leader) != leader:
            raise UnsupportedArchitecture(f"{name} shares its input in one batch and not in another: not supported.")
        if leader == name:
            heard.inputs.append((inputs, name))
            inputs = inputs.reshape(len(heard.weights), -1, linear.in_features)
            with self.turns.turn(name, heard.number):
                self._update(name, inputs, heard.weights, heard.sample and heard.sample.of(inputs, len(inputs)))
        heard.waiting.discard(name)
        if not heard.waiting:
            raise _AllSeen

    def _update(self, name: str, inputs: torch.Tensor, weights: torch.Tensor, sample: torch.Tensor | None) -> None:
        if name not in self.inputs:
            self.inputs[name] = SharedInput([], Statistics(self.kind, inputs.shape[-1], inputs.dtype, inputs.device))
        if sample is not None:
            self.inputs[name].sample = sample
        self.inputs[name].statistics.update(inputs, weights)

    def unreached(self) -> list[str]:
        """The linears of experts that no token was sent to.

        Raises:
            UnsupportedArchitecture: a linear was never called though it is no expert's, or its expert was called without
                it, or no expert was called: they are not what they seem.
        """
        reached = {_expert(name) for name in self._leader if isinstance(self.linears[name], ExpertLinear)}
        missing = [name for name in self.linears if name not in self._leader]
        for name in missing:
            if not isinstance(self.linears[name], ExpertLinear) or _expert(name) in reached or not reached:
                raise UnsupportedArchitecture(f"{name} is not used by the model's forward pass: not supported.")
        return missing

    def shared_inputs(self, windows: int) -> list[SharedInput]:
        """What was collected of so many windows."""
        for leader, shared in self.inputs.items():
            shared.modules.clear()
            if isinstance(self.linears[leader], ExpertLinear):
                shared.statistics.windows = windows
        for name, leader in self._leader.items():
            self.inputs[leader].modules.append(name)
        return list(self.inputs.values())


def _expert(name: str) -> str:
    """The expert that a linear belongs to: `mlp.experts.3` of `mlp.experts.3.gate_proj`."""
    return name.rpartition(".")[0]


@dataclass
class OutputListener:
    """Takes a sample of what the linears make of one batch, experts excepted: what they are given depends on the router.

    Attributes:
        samples: module -> sampled outputs [tokens, out_features].
    """

    linears: Linears
    sample: Sample
    samples: dict[str, torch.Tensor] = field(default_factory=dict)
    _heard: local = field(default_factory=local)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear the linears while batches pass inside, in whatever threads."""
        with _hooks(self.linears, lambda name: lambda _, args, output: self._listen(name, output), before=False):
            yield

    @contextmanager
    def batch(self, windows: int) -> Iterator[None]:
        """Listen to this thread alone, while the batch with the first `windows` windows passes inside.

        Raises:
            UnsupportedArchitecture: a linear is called more than once, so that its inputs are not what they seem.
        """
        self._heard.windows = windows
        yield
        del self._heard.windows

    def _listen(self, name: str, output: torch.Tensor) -> None:
        windows = getattr(self._heard, "windows", None)
        if windows is None:
            return
        if name in self.samples:
            raise UnsupportedArchitecture(f"{name} is called more than once in a forward pass: not supported.")
        self.samples[name] = self.sample.of(output, windows)


@contextmanager
def _hooks(linears: Linears, make_hook: Callable[[str], Callable], before: bool) -> Iterator[None]:
    with ExitStack() as handles:
        for name, linear in linears.items():
            if isinstance(linear, nn.Linear):
                register = linear.register_forward_pre_hook if before else linear.register_forward_hook
                handles.callback(register(make_hook(name)).remove)
        yield


@contextmanager
def _expert_calls(linears: Linears, listen: Callable[[list[str], torch.Tensor], None]) -> Iterator[None]:
    """Call `listen` with the names of an expert's linears and their inputs [tokens, in_features], whenever they are used."""
    places: dict[int, list[str]] = {}
    for name, linear in linears.items():
        if isinstance(linear, ExpertLinear):
            places.setdefault(linear.matrix.data_ptr(), []).append(name)
    if places:
        with _LinearCalls(places, listen):
            yield
    else:
        yield


class _LinearCalls(TorchFunctionMode):
    """Tells of calls of `torch.nn.functional.linear` whose weight begins at a known place in memory; changes none."""

    def __init__(self, places: Mapping[int, list[str]], listen: Callable[[list[str], torch.Tensor], None]) -> None:
        super().__init__()
        self._places, self._listen = places, listen

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is nn.functional.linear and len(args) > 1 and (names := self._places.get(args[1].data_ptr())):
            self._listen(names, args[0])
        return func(*args, **(kwargs or {}))
