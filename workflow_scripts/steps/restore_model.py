"""Step: make the weights of a dense copy anew that an earlier run dropped; steps that load a model call it."""

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from workflow_scripts.artifacts.files import ArtifactError
from workflow_scripts.models import sources
from workflow_scripts.models.copies import LOCK, SOURCE, WEIGHTS, alone, is_dropped
from workflow_scripts.models.digests import digest_tensors
from workflow_scripts.runtime.command_line import run_step


def restore_model(*, record: Path) -> None:
    """Write the weights beside a record again, from the packages or the GGUF file that they came from.

    Args:
        record: `provenance.json` of a packaged or GGUF model.
    """
    directory = record.parent
    content = json.loads(record.read_text(encoding="utf-8"))
    # Jobs that start together wait for the first, and find its weights.
    with alone(directory / LOCK):
        if not is_dropped(directory):
            return
        with TemporaryDirectory(dir=directory.parent, prefix=f".{directory.name}.") as folder:
            made = Path(folder)
            make_again(content["source"], directory, made)
            if digest_tensors(made)[0] != content["tensors"]:
                raise ArtifactError(
                    f"The source of {directory.name} gives other weights than its record: delete {directory} and run again."
                )
            for path in sorted(made.glob(WEIGHTS)):
                os.replace(path, directory / path.name)


def make_again(source: dict, directory: Path, destination: Path) -> None:
    """Write the checkpoint of a source record to `destination`.

    Raises:
        ValueError: the source is not there any more.
    """
    if source["kind"] == "packaged":
        sources.from_package(source["name"], destination)
        return
    gguf = (directory / SOURCE).resolve()
    if not gguf.is_file():
        raise ValueError(
            f"{gguf} is not there any more: put it back, or delete {directory} to prepare the model that the study names."
        )
    sources.from_gguf(gguf, destination)


if __name__ == "__main__":
    run_step(restore_model)
