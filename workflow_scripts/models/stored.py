"""Which file of a checkpoint directory holds which tensor. Imports no torch, for verifying reads it too."""

import json
from pathlib import Path

from safetensors import safe_open

from workflow_scripts.artifacts import ArtifactError


def weight_files(directory: Path) -> dict[str, Path]:
    """Name of a stored tensor -> its safetensors file, for single-file and sharded checkpoints.

    Raises:
        ArtifactError: there are no safetensors files, or the index names a file that is not there.
    """
    index = directory / "model.safetensors.index.json"
    if index.is_file():
        names = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        missing = sorted({file for file in names.values() if not (directory / file).is_file()})
        if missing:
            raise ArtifactError(f"{index} names {missing[0]}, which is not there: fetch the checkpoint again.")
        return {name: directory / file for name, file in names.items()}
    files = sorted(directory.glob("*.safetensors"))
    if not files:
        raise ArtifactError(
            f"{directory} holds no *.safetensors file: polyprune reads safetensors checkpoints only; convert it by "
            "loading it with transformers and calling save_pretrained."
        )
    found = {}
    for path in files:
        with safe_open(path, framework="np") as file:
            found.update(dict.fromkeys(file.keys(), path))
    return found
