"""Load a dense checkpoint directory, and read single weights of it by memory map."""

import json
from pathlib import Path

import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, PreTrainedModel

from workflow_scripts.artifacts import ArtifactError
from workflow_scripts.models.copies import restore_weights
from workflow_scripts.models.remote_code import is_trusted


def load_model(directory: Path, dtype: torch.dtype, device: str) -> PreTrainedModel:
    """The causal language model of a directory, in evaluation mode, without gradients.

    Code that comes with the model runs only where its record says that the study trusts it. Weights that an earlier run
    dropped (`keep.dense: false`) are restored first.
    """
    restore_weights(directory)
    model = AutoModelForCausalLM.from_pretrained(
        directory,
        dtype=dtype,
        local_files_only=True,
        trust_remote_code=is_trusted(directory),
        use_safetensors=True,
    )
    return model.to(device).eval().requires_grad_(False)


class DenseWeights:
    """The weights in a checkpoint's safetensors files, read one at a time by memory map."""

    def __init__(self, directory: Path) -> None:
        self._directory = Path(directory)
        self._file_of = weight_files(self._directory)

    def read(self, name: str) -> torch.Tensor:
        """A tensor by the name it has in the model.

        Checkpoints of multimodal models put a prefix before the language model's names, so a name may also match the one
        stored name that it ends with from its block on.

        Raises:
            ArtifactError: no stored tensor, or more than one, answers to the name.
        """
        stored = name
        if name not in self._file_of:
            ending = name[name.find("layers.") :]
            matches = [key for key in self._file_of if key.endswith("." + ending)]
            if len(matches) != 1:
                raise ArtifactError(
                    f"The checkpoint {self._directory.name} has {len(matches)} tensors for {name}: "
                    "its names do not follow the model's; save it with save_pretrained and use that copy."
                )
            stored = matches[0]
        with safe_open(self._file_of[stored], framework="pt") as file:
            return file.get_tensor(stored)


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
        with safe_open(path, framework="pt") as file:
            found.update(dict.fromkeys(file.keys(), path))
    return found
