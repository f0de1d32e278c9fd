"""Variants in a loaded model: from masks, from kept weights, one after the other, and never of another model."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.conftest import save_checkpoint, save_record
from workflow_scripts.artifacts.files import ArtifactError, make_provenance, write_tensors
from workflow_scripts.masks.store import MaskWriter
from workflow_scripts.models.blocks import iterate_linears
from workflow_scripts.models.checkpoint import load_model
from workflow_scripts.models.kept import gather_kept
from workflow_scripts.models.variant import apply_variant, weight_key


def write_variant(folder, record, seed, change=None, step="prune_model"):
    """Random masks, and kept weights `change`d from the dense ones; expected weights of every linear."""
    provenance = make_provenance(step, {"seed": seed, "changes_weights": change is not None}, "", {"model": record})
    generator = torch.Generator().manual_seed(seed)
    model = load_model(record.parent, torch.float32, "cpu")
    expected, kept = {}, {}
    with MaskWriter(folder / "masks.parquet", provenance) as writer:
        for block, module, linear in iterate_linears(model):
            mask = torch.rand(linear.weight.shape, generator=generator) < 0.5
            weight = linear.weight if change is None else change(linear.weight)
            writer.write(block, module, mask)
            kept[weight_key(block, module)] = gather_kept(mask, weight)
            expected[block, module] = weight * mask
    if change:
        write_tensors(folder / "weights.safetensors", kept, provenance)
    return expected


def assert_holds(model, expected):
    for block, module, linear in iterate_linears(model):
        assert torch.equal(linear.weight, expected[block, module])


def test_variants_follow_each_other_in_one_loaded_model(checkpoint, tmp_path):
    model = load_model(checkpoint.parent, torch.float32, "cpu")
    untouched = {name: p.clone() for name, p in model.named_parameters() if "layers" not in name}
    one = write_variant(tmp_path / "one", checkpoint, 1)
    two = write_variant(tmp_path / "two", checkpoint, 2, lambda weight: weight + 1)
    for expected, folder, weights in ((one, "one", None), (two, "two", "weights.safetensors"), (one, "one", None)):
        apply_variant(model, checkpoint, tmp_path / folder / "masks.parquet", weights and tmp_path / folder / weights)
        assert_holds(model, expected)
    for name, parameter in untouched.items():
        assert torch.equal(dict(model.named_parameters())[name], parameter)


def test_a_model_that_was_loaded_for_training_takes_a_variant_too(checkpoint, tmp_path):
    model = AutoModelForCausalLM.from_pretrained(checkpoint.parent)
    assert all(parameter.requires_grad for parameter in model.parameters())
    for name, change in (("masks", None), ("weights", lambda weight: weight + 1)):
        expected = write_variant(tmp_path / name, checkpoint, 1, change)
        weights = tmp_path / name / "weights.safetensors"
        apply_variant(model, checkpoint, tmp_path / name / "masks.parquet", weights if change else None)
        assert_holds(model, expected)


def test_masks_of_another_model_are_refused(checkpoint, tmp_path):
    other = save_record(save_checkpoint(tmp_path / "other", seed=1))
    write_variant(tmp_path / "one", checkpoint, 1)
    with pytest.raises(ArtifactError, match="was made for another model than other"):
        apply_variant(load_model(other.parent, torch.float32, "cpu"), other, tmp_path / "one" / "masks.parquet")


def test_kept_weights_of_another_variant_are_refused(checkpoint, tmp_path):
    for seed, name in enumerate(("one", "two")):
        write_variant(tmp_path / name, checkpoint, seed, lambda weight: weight + 1)
    model = load_model(checkpoint.parent, torch.float32, "cpu")
    with pytest.raises(ArtifactError, match="do not belong together"):
        apply_variant(model, checkpoint, tmp_path / "one" / "masks.parquet", tmp_path / "two" / "weights.safetensors")


def test_masks_that_lack_a_linear_are_refused(checkpoint, tmp_path):
    provenance = make_provenance("prune_model", {"changes_weights": False}, "", {"model": checkpoint})
    with MaskWriter(tmp_path / "masks.parquet", provenance) as writer:
        writer.write(0, "self_attn.q_proj", torch.ones(32, 32, dtype=torch.bool))
    with pytest.raises(ArtifactError, match="does not cover the 21 linears"):
        apply_variant(load_model(checkpoint.parent, torch.float32, "cpu"), checkpoint, tmp_path / "masks.parquet")


def test_weights_that_a_variant_needs_may_not_be_forgotten(checkpoint, tmp_path):
    write_variant(tmp_path / "one", checkpoint, 1, lambda weight: weight + 1)
    model = load_model(checkpoint.parent, torch.float32, "cpu")
    with pytest.raises(ArtifactError, match=r"lacks its weights\.safetensors"):
        apply_variant(model, checkpoint, tmp_path / "one" / "masks.parquet")
