"""Step: turn a model's source into a checkpoint directory, and record what it is."""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workflow_scripts.artifacts.files import make_provenance, write_json
from workflow_scripts.models import sources
from workflow_scripts.models.copies import link_source
from workflow_scripts.models.remote_code import KEY as TRUSTED
from workflow_scripts.models.stored import UnusableModel
from workflow_scripts.models.verdicts import admitted
from workflow_scripts.runtime.command_line import run_step


@dataclass(frozen=True)
class Parameters:
    """A packaged or hub model; local sources come as paths beside."""

    packaged: str | None = None
    """name of a packaged model"""
    hub: str | None = None
    """name of a hub model"""
    revision: str | None = None
    """commit, tag or branch of the hub model"""
    trust_remote_code: bool = False
    """whether the code that comes with a local or hub model may run"""


def prepare_model(
    *,
    record: Path,
    parameters: Parameters = Parameters(),
    checkpoint: list[Path] | None = None,
    gguf: Path | None = None,
    code: str = "",
) -> None:
    """Write a checkpoint directory that transformers loads, and its record.

    Args:
        record: `provenance.json` to write; the checkpoint goes beside it.
        parameters: the packaged or hub model.
        checkpoint: the files of a local checkpoint directory, which is linked.
        gguf: a GGUF file to dequantise.
        code: digest of this step's code.
    """
    if checkpoint and checkpoint[0].parent.resolve() == record.parent.resolve():
        raise ValueError(f"{record.parent} is where polyprune keeps its own copy: move the checkpoint out of results/.")
    # What was there stays until its successor is whole.
    folder = record.parent.with_name(f".{record.parent.name}.part")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        content = _prepare(folder, parameters, checkpoint, gguf)
    except UnusableModel as error:
        raise ValueError(f"The model {record.parent.name} {error}.") from error
    provenance = make_provenance("prepare_model", asdict(parameters), code, {})
    write_json(folder / record.name, content, provenance)
    if gguf:
        link_source(gguf, folder)
    shutil.rmtree(record.parent, ignore_errors=True)
    folder.rename(record.parent)


def _prepare(folder: Path, parameters: Parameters, checkpoint: list[Path] | None, gguf: Path | None) -> dict[str, Any]:
    """Fill a folder with the checkpoint; what its record says."""
    trusted = parameters.trust_remote_code
    if parameters.packaged:
        source = sources.from_package(parameters.packaged, folder)
    elif parameters.hub:
        source = sources.from_hub(parameters.hub, parameters.revision or "main", folder, trusted)
    elif gguf:
        source = sources.from_gguf(gguf, folder)
    elif checkpoint:
        source = sources.from_directory(checkpoint[0].parent, folder, trusted)
    else:
        raise ValueError("No source: give --parameters.packaged, --parameters.hub, --gguf or --checkpoint.")
    unused = admitted(folder, trusted)["unused"]
    if trusted:
        source |= {TRUSTED: True}
    return {"source": source, **sources.describe_checkpoint(folder, trusted, unused)}


if __name__ == "__main__":
    run_step(prepare_model)
