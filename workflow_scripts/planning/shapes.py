"""The shape of a model: how many weights stand where, which is all that an estimate needs."""

from dataclasses import dataclass
from functools import cached_property

# Linears that read the same input, by their names in the supported architectures; a linear named otherwise reads its own.
SHARED = {"q_proj": "qkv", "k_proj": "qkv", "v_proj": "qkv", "gate_proj": "mlp", "up_proj": "mlp"}


@dataclass(frozen=True)
class LinearShape:
    """One prunable linear: its block, its name within the block and its numbers of outputs and inputs."""

    block: int
    module: str
    out_features: int
    in_features: int
    share: float = 1.0
    """of the tokens that are sent through it, below 1 for experts"""

    @property
    def weights(self) -> int:
        """Number of weights."""
        return self.out_features * self.in_features


@dataclass(frozen=True)
class SharedShape:
    """Linears of a block that read one input: the inputs they have, the outputs of all of them, and their share of tokens."""

    in_features: int
    out_features: int
    share: float = 1.0


@dataclass(frozen=True)
class ModelShape:
    """A model as an estimate sees it.

    Attributes:
        parameters: all parameters, tied ones once.
        hidden: width of the hidden states.
        vocabulary: number of tokens the model knows.
        linears: all prunable linears.
        dtype_bytes: bytes of a parameter in the checkpoint.
    """

    parameters: int
    hidden: int
    vocabulary: int
    linears: tuple[LinearShape, ...]
    dtype_bytes: int = 4

    @cached_property
    def prunable(self) -> int:
        """Number of weights in all linears of all blocks."""
        return sum(linear.weights for linear in self.linears)

    @cached_property
    def active(self) -> float:
        """Number of weights in linears of blocks that a token is multiplied by."""
        return sum(linear.weights * linear.share for linear in self.linears)

    @cached_property
    def largest_block(self) -> int:
        """Weights of the largest block."""
        sizes: dict[int, int] = {}
        for linear in self.linears:
            sizes[linear.block] = sizes.get(linear.block, 0) + linear.weights
        return max(sizes.values())

    @cached_property
    def shared(self) -> tuple[SharedShape, ...]:
        """The inputs that statistics are collected of, with the outputs that hang on each."""
        groups: dict[tuple[int, str], SharedShape] = {}
        for linear in self.linears:
            # Beside each other, for every expert has a gate and an up projection of its own.
            parent, _, name = linear.module.rpartition(".")
            key = (linear.block, f"{parent}.{SHARED.get(name, name)}")
            before = groups.get(key, SharedShape(linear.in_features, 0))
            groups[key] = SharedShape(linear.in_features, before.out_features + linear.out_features, linear.share)
        return tuple(groups.values())
