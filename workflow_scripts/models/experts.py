"""The experts of a mixture, which transformers holds as two stacks of matrices, seen as the linears that they are.

The layout is Mixtral's: `gate_up_proj` [experts, 2 x intermediate, hidden], the gate's rows before the up projection's, and
`down_proj` [experts, hidden, intermediate], both applied by `torch.nn.functional.linear`, an expert at a time, in the eager
forward pass.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

LAYOUT = {
    "is_transposed": False,
    "is_concatenated": True,
    "has_bias": False,
    "has_gate": True,
    "has_post_expert_norm": False,
}
"""What transformers says of such a module (`use_experts_implementation`)."""


@dataclass(frozen=True)
class ExpertLinear:
    """One matrix of one expert, with what is asked of an `nn.Linear` without bias.

    Attributes:
        experts: the module that holds all experts.
        stack: name of its parameter that the matrix is a part of.
        expert: number of the expert.
        rows: of the expert's matrix in the stack.
    """

    experts: nn.Module
    stack: str
    expert: int
    rows: slice

    @property
    def matrix(self) -> torch.Tensor:
        """What the forward pass multiplies by: a view of the expert's matrix in the stack; gate and up share theirs."""
        return getattr(self.experts, self.stack)[self.expert]

    @property
    def weight(self) -> torch.Tensor:
        """[out_features, in_features], a view of the parameter: what is written to it is in the model."""
        return self.matrix[self.rows]

    @property
    def in_features(self) -> int:
        """Number of inputs."""
        return getattr(self.experts, self.stack).shape[2]

    @property
    def out_features(self) -> int:
        """Number of outputs."""
        return self.rows.stop - self.rows.start

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Outputs [tokens, out_features] of inputs [tokens, in_features]."""
        return nn.functional.linear(inputs, self.weight)


def holds_experts(module: nn.Module) -> bool:
    """Whether a module is a stack of experts of the known layout, and holds nothing else."""
    shapes = {name: parameter.shape for name, parameter in module.named_parameters()}
    if shapes.keys() != {"gate_up_proj", "down_proj"} or any(len(shape) != 3 for shape in shapes.values()):
        return False
    experts, hidden, intermediate = shapes["down_proj"]
    described = all(getattr(module, name, None) is value for name, value in LAYOUT.items())
    return described and shapes["gate_up_proj"] == (experts, 2 * intermediate, hidden)


def expert_linears(name: str, experts: nn.Module) -> dict[str, ExpertLinear]:
    """`{name}.3.gate_proj`, `.up_proj` and `.down_proj` of every expert of a module called `name`, expert by expert."""
    number, hidden, intermediate = experts.down_proj.shape
    parts = {
        "gate_proj": ("gate_up_proj", slice(0, intermediate)),
        "up_proj": ("gate_up_proj", slice(intermediate, 2 * intermediate)),
        "down_proj": ("down_proj", slice(0, hidden)),
    }
    return {
        f"{name}.{expert}.{part}": ExpertLinear(experts, stack, expert, rows)
        for expert in range(number)
        for part, (stack, rows) in parts.items()
    }


def find_routers(experts: nn.Module, siblings: Iterable[nn.Module]) -> set[nn.Module]:
    """The modules beside experts that weigh them: the router, and the gate of a shared expert if there is one.

    They hold a matrix of their own with a row for each expert, or with a single row. Empty where there is no router.
    """
    number, hidden, _ = experts.down_proj.shape
    rows = {}
    for sibling in siblings:
        weight = getattr(sibling, "weight", None)
        if isinstance(weight, nn.Parameter) and weight.shape[1:] == (hidden,) and not any(sibling.children()):
            rows[sibling] = len(weight)
    return {sibling for sibling in rows if rows[sibling] in (1, number)} if number in rows.values() else set()
