"""The parts of a decoder-only model that pruning knows: its blocks, and the linears inside a block."""

from collections.abc import Iterator

from torch import nn
from transformers import PreTrainedModel

from workflow_scripts.models.experts import ExpertLinear, expert_linears, find_routers, holds_experts


class UnsupportedArchitecture(ValueError):
    """A model whose blocks hold weights that polyprune cannot prune."""


def find_blocks(model: PreTrainedModel) -> nn.ModuleList:
    """The decoder blocks of a model, in order.

    Raises:
        UnsupportedArchitecture: the model is not decoder-only, its list of blocks is not unique, or blocks share weights.
    """
    config = model.config.get_text_config(decoder=True)
    if getattr(model.config, "is_encoder_decoder", False):
        raise UnsupportedArchitecture(
            f"{type(model).__name__} has an encoder and a decoder: polyprune prunes decoder-only language models."
        )
    if config is not model.config:
        raise UnsupportedArchitecture(
            f"{type(model).__name__} is multimodal: save its language model alone, and use that checkpoint."
        )
    lists = [
        module
        for module in model.modules()
        if isinstance(module, nn.ModuleList) and len(module) == config.num_hidden_layers
    ]
    if len(lists) != 1:
        raise UnsupportedArchitecture(
            f"{type(model).__name__} has {len(lists)} lists of {config.num_hidden_layers} blocks where one is expected: "
            "this architecture is not supported."
        )
    owner: dict[int, int] = {}
    for index, block in enumerate(lists[0]):
        for name, parameter in block.named_parameters():
            if owner.setdefault(id(parameter), index) != index:
                raise UnsupportedArchitecture(
                    f"{type(model).__name__} shares the weight {name} of block {index} with block {owner[id(parameter)]}: "
                    "pruned for one it would be pruned for the other; not supported."
                )
    return lists[0]


def find_linears(block: nn.Module) -> dict[str, nn.Linear | ExpertLinear]:
    """Name within the block -> linear, in the order of definition; the matrices of experts count as linears.

    Routers, which have a row for each expert, and the gate of a shared expert are not among them: they are never pruned.

    Raises:
        UnsupportedArchitecture: the block holds a weight matrix outside an `nn.Linear` (Conv1D, experts of another layout
            ...), or two linears that share their weight.
    """
    linears: dict[str, nn.Linear | ExpertLinear] = {}
    spared = _routers(block)
    known = {id(module.weight) for module in spared}
    for name, module in block.named_modules():
        if type(module) is nn.Linear and module not in spared:
            linears[name] = module
            if id(module.weight) in known:
                raise UnsupportedArchitecture(f"{type(block).__name__} uses the weight of {name} twice: not supported.")
            known.add(id(module.weight))
        elif holds_experts(module):
            linears |= expert_linears(name, module)
            known |= {id(parameter) for parameter in module.parameters()}
    for name, parameter in block.named_parameters():
        if parameter.ndim > 1 and id(parameter) not in known:
            owner = block.get_submodule(name.rpartition(".")[0])
            raise UnsupportedArchitecture(
                f"{type(block).__name__} holds the weight {name} {tuple(parameter.shape)} in a {type(owner).__name__}: "
                "only blocks whose weight matrices are all nn.Linear, or experts as Mixtral's, are supported."
            )
    if not linears:
        raise UnsupportedArchitecture(f"{type(block).__name__} has no linears: not supported.")
    return linears


def _routers(block: nn.Module) -> set[nn.Module]:
    """What stands beside experts to weigh them."""
    found: set[nn.Module] = set()
    for name, experts in block.named_modules():
        if holds_experts(experts):
            routers = find_routers(experts, block.get_submodule(name.rpartition(".")[0]).children())
            if not routers:
                raise UnsupportedArchitecture(f"{type(block).__name__} has {name} without a router: not supported.")
            found |= routers
    return found


def iterate_linears(model: PreTrainedModel) -> Iterator[tuple[int, str, nn.Linear | ExpertLinear]]:
    """All prunable linears of a model as (block, module, linear), in order."""
    for index, block in enumerate(find_blocks(model)):
        for name, linear in find_linears(block).items():
            yield index, name, linear
