"""Step: prune a model with one method, pattern, calibration and seed."""

from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import torch

from workflow_scripts.artifacts.files import (
    make_provenance,
    read_provenance,
    read_table,
    refuse_foreign_model,
    write_table,
    write_tensor_stream,
)
from workflow_scripts.masks.store import MaskWriter
from workflow_scripts.models.device import settle
from workflow_scripts.models.memory import parse_memory
from workflow_scripts.models.streaming import StreamedModel
from workflow_scripts.models.variant import weight_key
from workflow_scripts.pruning.engine import Calibration, Setting, prune_sequentially, prune_without_calibration
from workflow_scripts.pruning.layers import LAYERS_SCHEMA
from workflow_scripts.pruning.methods.loading import get_method
from workflow_scripts.pruning.patterns import parse_pattern
from workflow_scripts.pruning.progress import Progress
from workflow_scripts.runtime.command_line import run_step


@dataclass(frozen=True)
class Parameters:
    """A variant, without its calibration."""

    method: str
    pattern: str
    """0.5, 2:4 ..."""
    batch: int = 1
    """windows at a time"""
    threads: int = 1
    device: str = "auto"
    dtype: str = "auto"


def prune_model(
    *,
    model: Path,
    masks: Path,
    layers: Path,
    parameters: Parameters,
    windows: Path | None = None,
    weights: Path | None = None,
    progress: Path = Path("progress"),
    memory: str = "auto",
    code: str = "",
) -> None:
    """Write the masks and diagnostics of a pruned model, and its kept weights where the method changes them.

    Args:
        model: record of the dense model.
        masks: mask store to write.
        layers: diagnostics per linear to write.
        parameters: the variant.
        windows: calibration windows; none for methods that need no calibration.
        weights: kept weights to write, for methods that change them.
        progress: folder where finished blocks are kept until the job has succeeded, so that it goes on at its block after
            an interruption.
        memory: what the job may take in all, such as "8 GiB", or auto for what is available; decides where hidden states
            are kept, and nothing of the outcome.
        code: digest of this step's code.
    """
    device, dtype, settled = settle(parameters, model.parent)
    inputs = {"model": model} | ({"windows": windows} if windows else {})
    method, pattern = get_method(parameters.method), parse_pattern(parameters.pattern)
    if (weights is not None) != method.changes_weights or (method.statistics is None) != (windows is None):
        wants = ["--windows"] * (method.statistics is not None) + ["--weights"] * method.changes_weights
        raise ValueError(f"{parameters.method} takes, of --windows and --weights, {' and '.join(wants) or 'neither'}.")
    resolved = asdict(parameters) | settled | {"changes_weights": method.changes_weights}
    provenance = make_provenance("prune_model", resolved, code, inputs)
    if windows:
        refuse_foreign_model(read_provenance(windows), model, windows)
    network = StreamedModel.of(model.parent, dtype)
    setting = Setting(method, pattern, device, parse_memory(memory))
    done = Progress(progress, provenance, len(network.blocks), sequential=bool(windows))
    if windows:
        prune_sequentially(network, _calibration(windows, parameters.batch), setting, done)
    else:
        prune_without_calibration(network, setting, done)
    write_variant(done, masks, layers, weights, provenance)
    done.remove()


def _calibration(windows: Path, batch: int) -> Calibration:
    table = read_table(windows, columns=["token_ids", "weight"])
    token_ids = torch.tensor(table["token_ids"].to_pylist())
    return Calibration(token_ids, torch.tensor(table["weight"].to_pylist(), dtype=torch.float64), batch)


def write_variant(done: Progress, masks: Path, layers: Path, weights: Path | None, provenance: dict) -> None:
    """Write a variant's artifacts from its finished blocks, one linear in memory at a time."""
    rows, sizes = [], {}
    with MaskWriter(masks, provenance) as writer:
        for result in done.results():
            writer.write(result.block, result.module, result.mask)
            norms = None if result.input_norms is None else result.input_norms.numpy()
            place = {"block": result.block, "module": result.module}
            rows.append(place | asdict(result.diagnostics) | {"input_norms": norms})
            if weights:
                sizes[weight_key(result.block, result.module)] = (result.kept.dtype, result.kept.shape)
    if weights:
        write_tensor_stream(weights, sizes, done.kept(), provenance)
    write_table(layers, pa.Table.from_pylist(rows, schema=LAYERS_SCHEMA), provenance)


if __name__ == "__main__":
    run_step(prune_model)
