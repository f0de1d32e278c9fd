"""Put a pruned variant into a loaded model: the dense weights times a mask, or the kept weights where a method changed them.

The dense weights come from the checkpoint's files block by block, so a model is never held twice and one loaded model can
take variant after variant.
"""

from contextlib import nullcontext
from pathlib import Path

import torch
from safetensors import safe_open
from transformers import PreTrainedModel

from workflow_scripts.artifacts import ArtifactError, read_provenance, refuse_foreign_model
from workflow_scripts.masks.store import MaskStore
from workflow_scripts.models.blocks import find_blocks, find_linears, iterate_linears
from workflow_scripts.models.checkpoint import Checkpoint


def apply_variant(model: PreTrainedModel, record: Path, masks: Path, weights: Path | None = None) -> None:
    """Overwrite every linear of `model` with its pruned form, whatever variant it held before.

    Args:
        model: the loaded dense model, or the model after an earlier call.
        record: `provenance.json` of the dense model's checkpoint directory.
        masks: the variant's mask store.
        weights: the variant's kept weights, for methods that change them.

    Raises:
        ArtifactError: the masks or the weights were made for another model, do not belong together, or do not fit the
            model's linears; or weights are missing though the method changes them.
    """
    store = MaskStore(masks)
    refuse_foreign_model(store.provenance, record, masks)
    if store.provenance["parameters"]["changes_weights"] != (weights is not None):
        missing = "lacks its weights.safetensors" if weights is None else "does not change the kept weights"
        raise ArtifactError(f"The variant of {masks} {missing}: give masks and weights as prune_model wrote them.")
    if weights and read_provenance(weights) != store.provenance:
        raise ArtifactError(f"{masks} and {weights} do not belong together: delete both and run again.")
    stored = {(linear.block, linear.module) for linear in store.linears}
    linears = {(block, module) for block, module, _ in iterate_linears(model)}
    if stored != linears:
        raise ArtifactError(f"{masks} does not cover the {len(linears)} linears of the model: delete it and run again.")
    with safe_open(weights, framework="pt") if weights else nullcontext() as kept:
        if kept is None:
            _multiply(model, record.parent, store)
        else:
            for block, module, linear in iterate_linears(model):
                keep = torch.from_numpy(store.read(block, module))
                linear.weight.copy_(scatter_kept(keep, kept.get_tensor(weight_key(block, module))))


def _multiply(model: PreTrainedModel, directory: Path, store: MaskStore) -> None:
    """Put the dense weights times their masks into the linears, one block of dense weights after the other."""
    checkpoint = Checkpoint(directory, model)
    names = {id(module): name for name, module in model.named_modules()}
    for index, block in enumerate(find_blocks(model)):
        device = next(block.parameters()).device
        checkpoint.load([f"{names[id(block)]}.{name}" for name in block.state_dict()], str(device))
        for module, linear in find_linears(block).items():
            linear.weight.masked_fill_(~torch.from_numpy(store.read(index, module)).to(device), 0)


def weight_key(block: int, module: str) -> str:
    """Name of a linear's kept weights in `weights.safetensors`."""
    return f"{block}.{module}"


def gather_kept(mask: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The kept values of a linear [kept], row by row."""
    return weight[mask].contiguous()


def scatter_kept(mask: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """The inverse of `gather_kept`: [out_features, in_features] with zeros where the mask is False."""
    weight = torch.zeros(mask.shape, dtype=values.dtype)
    weight[mask] = values
    return weight
