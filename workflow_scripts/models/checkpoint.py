"""Load a dense checkpoint directory: whole, or part by part into a model that is there already."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
from safetensors import safe_open
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import (
    WeightConverter,
    WeightRenaming,
    convert_and_load_state_dict_in_model,
    rename_source_key,
)
from transformers.modeling_utils import LoadStateDictConfig
from transformers.utils import logging

from workflow_scripts.artifacts.files import ArtifactError
from workflow_scripts.models.copies import restore_weights
from workflow_scripts.models.cpu import compute_fast_on_cpu
from workflow_scripts.models.remote_code import is_trusted
from workflow_scripts.models.rotary import forget_longer_texts
from workflow_scripts.models.scratch import nearby
from workflow_scripts.models.stored import stored_tensors

MAPPED = 2**25
"""Bytes of a file that are mapped into memory at a time to read single rows."""


def load_model(directory: Path, dtype: torch.dtype, device: str) -> PreTrainedModel:
    """The causal language model of a directory, in evaluation mode, without gradients.

    Code that comes with the model runs only where its record says that the study trusts it. Weights that an earlier run
    dropped (`keep.dense: false`) are restored first. With scratch on this machine it is read there, see `models.scratch`.

    Raises:
        ArtifactError: a tensor of the model is in none of the files.
    """
    restore_weights(directory)
    model, loaded = AutoModelForCausalLM.from_pretrained(
        nearby(directory),
        dtype=dtype,
        local_files_only=True,
        trust_remote_code=is_trusted(directory),
        use_safetensors=True,
        output_loading_info=True,
    )
    if missing := sorted(loaded["missing_keys"]):
        raise ArtifactError(
            f"The checkpoint {directory.name} lacks {missing[0]}, for which transformers would make random numbers: fetch it again."
        )
    compute_fast_on_cpu(model)
    forget_longer_texts(model)
    return model.to(device).eval().requires_grad_(False)


class Checkpoint:
    """The weights in a checkpoint's safetensors files, put into a model part by part, read by memory map.

    Stored names and layouts are turned into the model's own as `from_pretrained` does it: renamed weights, experts stored one
    by one that the model holds as one tensor.
    """

    def __init__(self, directory: Path, model: PreTrainedModel) -> None:
        """Read the names of the stored tensors; the model's weights may be on the meta device."""
        self._directory = Path(directory)
        self._model = model
        self._mapping = get_model_conversion_mapping(model)
        self._file_of = {name: tensor.file for name, tensor in stored_tensors(nearby(self._directory)).items()}
        self._stored: dict[str, list[str]] = {}
        for name, own in names_in_model(model, self._file_of).items():
            self._stored.setdefault(own, []).append(name)
        # Tied weights are stored once, under either name.
        for pair in model.all_tied_weights_keys.items():
            for name, other in (pair, pair[::-1]):
                if name not in self._stored and other in self._stored:
                    self._stored[name] = self._stored[other]

    def load_module(self, module: nn.Module, device: str = "cpu") -> None:
        """Put the parameters and stored buffers of a module of the model into it; raises as `load`."""
        prefix = next(name for name, found in self._model.named_modules() if found is module)
        self.load([f"{prefix}.{name}" for name in module.state_dict()], device)

    def load(self, names: Collection[str], device: str = "cpu") -> None:
        """Put these parameters and buffers, by the names that they have in the model, on the device and into the model.

        They take the dtype that the model has for them, and are never views of the file.

        Raises:
            ArtifactError: the checkpoint lacks one, or holds one of another shape.
        """
        with self._tensors([stored for name in names for stored in self._stored.get(name, [])]) as state:
            self._put(state, names, device)

    def _put(self, state: dict[str, torch.Tensor], names: Collection[str], device: str) -> None:
        config = LoadStateDictConfig(weight_mapping=self._mapping, device_map={"": device}, dtype=self._model.dtype)
        with without_bar():
            outcome, _ = convert_and_load_state_dict_in_model(self._model, state, config)
        failed = (outcome.missing_keys & set(names)) | {str(entry[0]) for entry in outcome.mismatched_keys}
        if failed or outcome.conversion_errors:
            name = min(failed | set(outcome.conversion_errors))
            raise ArtifactError(
                f"The checkpoint {self._directory.name} has no tensor for {name}, or one of another shape: "
                "it does not belong to its config.json; fetch it again, or save it with save_pretrained."
            )
        views = {view.untyped_storage().data_ptr() for view in state.values()}
        for name in names:
            owner, _, attribute = name.rpartition(".")
            tensor = getattr(self._model.get_submodule(owner), attribute)
            if tensor.untyped_storage().data_ptr() in views:
                tensor.data = tensor.data.clone()
            tensor.requires_grad_(False)

    def rows(self, name: str, wanted: torch.Tensor) -> torch.Tensor:
        """Rows of one stored matrix in its own dtype; the others are not read.

        Args:
            name: of the matrix, in the model.
            wanted: numbers of rows, ascending.

        Raises:
            ArtifactError: the checkpoint does not hold the matrix as one tensor.
        """
        stored = self._stored.get(name, [])
        if len(stored) != 1:
            raise ArtifactError(
                f"The checkpoint {self._directory.name} holds {name} in {len(stored)} tensors, not in one."
            )
        with self._tensors(stored) as state:
            some = max(1, MAPPED // max(1, state[stored[0]][0].nbytes))
            result = state[stored[0]].new_empty(len(wanted), *state[stored[0]].shape[1:])
        start = 0
        for count in torch.unique_consecutive(wanted // some, return_counts=True)[1].tolist():
            # Each time a new map: the system counts what was read of one as memory of this process, some in large pages.
            with self._tensors(stored) as state:
                result[start : start + count] = state[stored[0]][wanted[start : start + count]]
            start += count
        return result

    @contextmanager
    def _tensors(self, names: Collection[str]) -> Iterator[dict[str, torch.Tensor]]:
        """Views of stored tensors. The files are closed at the end: what was read would count as memory of this process."""
        state: dict[str, torch.Tensor] = {}
        with ExitStack() as stack:
            files = {
                path: stack.enter_context(safe_open(path, framework="pt"))
                for path in {self._file_of[name] for name in names}
            }
            state |= {name: files[self._file_of[name]].get_tensor(name) for name in names}
            try:
                yield state
            finally:
                state.clear()


def names_in_model(model: PreTrainedModel, stored: Iterable[str]) -> dict[str, str]:
    """Stored name of a tensor -> the first of the model's names that it becomes, or would become if the model had it."""
    known, mapping = model.state_dict(), get_model_conversion_mapping(model)
    renamings = [entry for entry in mapping if isinstance(entry, WeightRenaming)]
    converters = [entry for entry in mapping if isinstance(entry, WeightConverter)]
    found = {}
    for name in stored:
        renamed, _ = rename_source_key(name, renamings, converters, model.base_model_prefix, known)
        found[name] = name if renamed not in known and name in known else renamed
    return found


@contextmanager
def without_bar() -> Iterator[None]:
    """No progress bar of transformers inside: a part is loaded in no time, and there are many."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
