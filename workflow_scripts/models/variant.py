"""Put a pruned variant into a loaded model: the dense weights times a mask, or the kept weights where a method changed them.

The dense weights come from the checkpoint's files block by block, so a model is never held twice and one loaded model can
take variant after variant.
"""

from contextlib import nullcontext
from pathlib import Path

import torch
from safetensors import safe_open
from transformers import PreTrainedModel

from workflow_scripts.artifacts.files import ArtifactError, read_provenance, refuse_foreign_model
from workflow_scripts.masks.store import MaskStore
from workflow_scripts.models.blocks import find_blocks, iterate_linears
from workflow_scripts.models.checkpoint import Checkpoint
from workflow_scripts.models.kept import scatter_kept, zero_dropped


@torch.no_grad()
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
    linears = {(block, module): linear for block, module, linear in iterate_linears(model)}
    if set(linears) != {(linear.block, linear.module) for linear in store.linears}:
        raise ArtifactError(f"{masks} does not cover the {len(linears)} linears of the model: delete it and run again.")
    if weights is None:
        checkpoint = Checkpoint(record.parent, model)
        for block in find_blocks(model):
            checkpoint.load_module(block, str(next(block.parameters()).device))
    with safe_open(weights, framework="pt") if weights else nullcontext() as kept:
        for linear, mask in store:
            target = linears[linear.block, linear.module].weight
            keep = torch.from_numpy(mask)
            if kept is None:
                zero_dropped(target, keep.to(target.device))
            else:
                target.copy_(scatter_kept(keep, kept.get_tensor(weight_key(linear.block, linear.module))))


def weight_key(block: int, module: str) -> str:
    """Name of a linear's kept weights in `weights.safetensors`."""
    return f"{block}.{module}"
