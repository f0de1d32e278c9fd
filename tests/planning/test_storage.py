"""Bytes on disk, computed by hand."""

from pathlib import Path

import yaml

from tests.conftest import save_checkpoint
from tests.planning.sizes import SHAPE
from workflow_scripts.planning import storage
from workflow_scripts.planning.effort import Setting
from workflow_scripts.study import read_study

DEFAULT = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text(encoding="utf-8"))
# A method that changes weights beside one that does not.
DEFAULT["pruning"]["methods"] = ["sparsegpt", "wanda"]


def written(keep: dict | None = None):
    study = read_study(DEFAULT | {"keep": keep or {}})
    found = storage.artifacts(study, {"gemma-3-270m": SHAPE}, Setting(study, 1e9, 4, 100))
    return study, {artifact.kind: artifact for artifact in found}


def test_masks_take_a_bit_a_weight_in_whole_bytes_a_row():
    # Ten outputs with four inputs take a byte each, four with ten inputs two.
    assert storage.mask_bytes(SHAPE) == 10 * 1 + 4 * 2
    _, found = written()
    # Magnitude, two methods with three calibrations and three seeds.
    assert (found["masks"].files, found["masks"].bytes) == (19, 19 * 18)


def test_norms_take_float32_an_input_of_every_calibrated_mask():
    # q and k read one input of 4, o another of 4, down one of 10.
    assert storage.norms_bytes(SHAPE) == 4 * (4 + 4 + 10)
    _, found = written()
    assert (found["diagnostics"].files, found["diagnostics"].bytes) == (19, 19 * 2 * storage.SMALL + 18 * 72)


def test_kept_weights_take_their_share_and_copies_float32():
    _, found = written()
    assert (found["kept weights"].files, found["kept weights"].bytes) == (9, 9 * 0.5 * 80 * 4)
    assert (found["dense copies"].files, found["dense copies"].bytes) == (1, 1000 * 4)


def test_a_linked_model_is_no_copy(tmp_path):
    source = save_checkpoint(tmp_path / "mine")
    study = read_study(
        DEFAULT
        | {"models": {"mine": {"path": str(source)}}}
        | {"calibration": DEFAULT["calibration"] | {"length": 64}, "evaluation": DEFAULT["evaluation"] | {"length": 64}}
    )
    assert storage.copy_bytes(study, "mine", SHAPE) == 0


def test_what_goes_early_is_needed_once_and_copies_go_last():
    study, found = written()
    everything = sum(artifact.bytes for artifact in found.values())
    assert storage.needed_bytes(study, list(found.values())) == everything
    study, found = written({"weights": False, "dense": False})
    assert storage.needed_bytes(study, list(found.values())) == everything - 8 * 0.5 * 80 * 4
