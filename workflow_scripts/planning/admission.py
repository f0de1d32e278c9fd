"""Whether a model can be pruned and evaluated, told before any job: from the headers of its files, without reading a weight.

transformers itself says what it would load, on the meta device; then one block goes through what pruning does, with zeros in
the place of its weights.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import gguf
import torch
from gguf import GGUFReader
from torch import nn
from transformers import AutoConfig, GenerationConfig, PreTrainedConfig, PreTrainedModel
from transformers.modeling_gguf_pytorch_utils import TENSOR_PROCESSORS, TensorProcessor, get_gguf_hf_weights_map
from transformers.utils import logging

from workflow_scripts.corpora.tokens import Boundary
from workflow_scripts.models.architectures import positions_of, unsupported
from workflow_scripts.models.blocks import UnsupportedArchitecture, find_blocks, find_linears, iterate_linears
from workflow_scripts.models.checkpoint import names_in_model, without_bar
from workflow_scripts.models.digests import TORCH_NAMES
from workflow_scripts.models.heads import has_other_head
from workflow_scripts.models.sources import read_gguf
from workflow_scripts.models.stored import StoredTensor, UnusableModel, stored_tensors
from workflow_scripts.models.streaming import StreamedModel, configuration, without_weights
from workflow_scripts.models.tokenizer import boundary_tokens, load_tokenizer
from workflow_scripts.pruning.hooks import InputListener
from workflow_scripts.pruning.propagation import BlockCalls

TOKENS = 8
"""Length of the text that goes through a block."""
BIDIRECTIONAL = {"use_bidirectional_attention": True, "is_causal": False, "bidirectional": True}
"""Keys of configurations, with what they say of a model that sees the tokens it is to predict."""
QUANTISED_NAMES = (
    ".qweight", ".qzeros", ".scales", ".g_idx", ".absmax", ".quant_map", ".SCB", ".weight_scale", ".weight_scale_inv",
    ".weight_packed",
)  # fmt: skip
"""Ends of the names that GPTQ, AWQ, bitsandbytes, compressed-tensors and FP8 checkpoints give their tensors."""
QUANTISED_DTYPES = {"I8", "U8", "I16", "U16", "I32", "U32", "F8_E4M3", "F8_E5M2", "F4", "F6_E2M3", "F6_E3M2", "F8_E8M0"}
"""Dtypes, as safetensors spells them, that no plain matrix of weights has."""
SCALED = ("gpt-oss",)
"""Architectures of GGUF whose scaling of rotary embeddings transformers reads."""
MERGED = ("_exps.weight",)
"""Ends of the names of tensors of GGUF that become several of the model's."""
AGAIN = "fetch the checkpoint again, or save it anew with save_pretrained"


PASSING = (ImportError, MemoryError, OSError)
"""Errors that are about the machine and its network, and not about the model's files."""


class PassingRefusal(UnusableModel):
    """A refusal that may not hold any more when it is asked for again."""


@dataclass(frozen=True)
class Admission:
    """What a study needs to know of a model that can be pruned.

    Attributes:
        widths: the different numbers of inputs of its linears, ascending.
        positions: tokens that it can see at most; None where it does not say.
        unused: tensors in its files that it does not take.
    """

    widths: list[int]
    positions: int | None
    unused: list[str] = field(default_factory=list)


def admit(directory: Path, trusted: bool = False) -> Admission:
    """What a study needs to know of the model in a checkpoint directory, whose own code may run if trusted.

    Raises:
        UnusableModel: it cannot be pruned, or not evaluated.
    """
    tensors = stored_tensors(directory)
    with _quiet(), _as_unusable():
        config = configuration(directory, trusted)
        _refuse_configuration(config)
        model = without_weights(config, torch.float32, trusted)
        own, known = names_in_model(model, tensors), model.state_dict().keys()
        used = {name: tensor for name, tensor in tensors.items() if own[name] in known}
        unused = sorted(tensors.keys() - used.keys())
        _refuse_quantised(used, unused)
        _refuse_gaps(type(model), config, tensors)
        _rehearse(model)
        if (directory / "generation_config.json").is_file():
            GenerationConfig.from_pretrained(directory)
        _refuse_tokenizer(directory, trusted, model.get_input_embeddings().weight.shape[0])
    return describe(model, unused)


def admit_gguf(file: Path) -> Admission:
    """The same of a GGUF file.

    Raises:
        UnusableModel: it is damaged, a part of a model, or no language model that transformers reads; or as `admit`.
    """
    try:
        reader = read_gguf(file)
    except Exception as error:
        # Whatever its reader stumbles over.
        raise UnusableModel(f"is cut short or damaged ({_on_a_line(error)}); fetch it again") from error
    if (parts := _field(reader, "split.count")) and parts > 1:
        raise UnusableModel(
            f"is one of {parts} parts of a model; join them with llama.cpp's `llama-gguf-split --merge`, and name the whole"
        )
    if (scaling := _scaling(reader)) and _field(reader, "general.architecture") not in SCALED:
        raise UnusableModel(
            f"scales its rotary embeddings ({scaling}), which transformers does not read from GGUF, so that it would be another "
            "model; name its safetensors checkpoint as path"
        )
    with _quiet(), _as_unusable(), patch.object(gguf, "GGUFReader", lambda *_: reader):
        config = AutoConfig.from_pretrained(file.parent, gguf_file=file.name)
        _refuse_configuration(config)
        model = without_weights(config, torch.float32)
        _refuse_gaps_of_gguf(model, {tensor.name for tensor in reader.tensors}, _field(reader, "general.architecture"))
        _rehearse(model)
    keys = ("tokens", "bos_token_id", "eos_token_id")
    tokens, *ends = (f"tokenizer.ggml.{key}" in reader.fields for key in keys)
    if not tokens or not any(ends):
        lack = "whose tokenizer has neither BOS nor EOS" if tokens else "without a tokenizer"
        raise UnusableModel(f"is a model {lack}; convert the model again with its tokenizer")
    return describe(model)


def _field(reader: GGUFReader, name: str) -> Any:
    field = reader.fields.get(name)
    return field and field.contents()


def _scaling(reader: GGUFReader) -> str:
    """What of a file says that its rotary embeddings are scaled; empty where nothing does."""
    keys = [name for name in reader.fields if name.endswith(".rope.scaling.type") and _field(reader, name) != "none"]
    return next(iter([*keys, *(tensor.name for tensor in reader.tensors if "rope_freqs" in tensor.name)]), "")


def _refuse_gaps_of_gguf(model: PreTrainedModel, names: set[str], architecture: str) -> None:
    processor = TENSOR_PROCESSORS.get(architecture, TensorProcessor)(config=model.config.to_dict())
    places = get_gguf_hf_weights_map(model, processor)
    there = {place for name, place in places.items() if name in names}
    tied = model.all_tied_weights_keys
    missing = {place for place in set(places.values()) - there if tied.get(place) not in there}
    if missing:
        raise UnusableModel(_lacking(model, sorted(missing), []))
    if surplus := sorted(name for name in names - set(places) if not name.endswith(MERGED)):
        raise UnusableModel(
            f"holds {surplus[0]}, which transformers does not read from GGUF, so that it would be another model; name its "
            "safetensors checkpoint as path"
        )


def describe(model: PreTrainedModel, unused: Sequence[str] = ()) -> Admission:
    """What a study needs to know of a model, its weights there or not."""
    widths = sorted({linear.in_features for _, _, linear in iterate_linears(model)})
    return Admission(widths, positions_of(model.config), list(unused))


def _refuse_configuration(config: PreTrainedConfig) -> None:
    name = (config.architectures or [config.model_type])[0]
    if reason := unsupported(config.to_dict()):
        raise UnusableModel(f"cannot be pruned: {reason}")
    if has_other_head(name):
        raise UnusableModel(f"cannot be pruned: {name} has no head that predicts the next token; take a ...ForCausalLM")
    for key, value in BIDIRECTIONAL.items():
        if getattr(config, key, None) is value:
            raise UnusableModel(
                f"has {key}: {str(value).lower()} in its config.json, so that it sees the tokens it is to predict and has no "
                "perplexity; take a causal model"
            )


def _refuse_quantised(used: dict[str, StoredTensor], unused: Sequence[str]) -> None:
    """Some quantisers leave no word in config.json, but always tensors of their own, in the place of the model's."""
    plain = "and polyprune prunes plain weights; name the checkpoint it was made from"
    for name, tensor in used.items():
        if tensor.dtype in QUANTISED_DTYPES and len(tensor.shape) > 1:
            raise UnusableModel(f"is quantised, for it holds {name} in {tensor.dtype}, {plain}")
    for name in unused:
        owner = next((name.removesuffix(end) for end in QUANTISED_NAMES if name.endswith(end)), None)
        # Beside the model's own weight it is something else.
        if owner and (f"{owner}.weight" not in used or name.endswith((".SCB", ".absmax", ".weight_scale"))):
            raise UnusableModel(f"is quantised, for it holds {name}, {plain}")


def _refuse_gaps(kind: type[PreTrainedModel], config: PreTrainedConfig, tensors: dict[str, StoredTensor]) -> None:
    """Raise UnusableModel where transformers would fill a gap with random numbers, or find another shape."""
    state = {
        name: torch.empty(tensor.shape, dtype=getattr(torch, TORCH_NAMES.get(tensor.dtype, "float32")), device="meta")
        for name, tensor in tensors.items()
    }
    try:
        model, loaded = kind.from_pretrained(
            None,
            config=config,
            state_dict=state,
            device_map="meta",
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    except RuntimeError as error:
        raise UnusableModel(f"does not fit its config.json: {_on_a_line(error)}; {AGAIN}") from error
    missing = sorted(loaded["missing_keys"])
    if missing:
        raise UnusableModel(_lacking(model, missing, sorted(loaded["unexpected_keys"])))
    for name, found, wanted in sorted(loaded["mismatched_keys"]):
        raise UnusableModel(
            f"holds {name} as {tuple(found)}, and its config.json wants {tuple(wanted)}; mend config.json, or {AGAIN}"
        )


def _lacking(model: PreTrainedModel, missing: list[str], unexpected: list[str]) -> str:
    name = type(model).__name__
    head = model.get_output_embeddings()
    of_head = {key for key, module in model.named_modules() if module is head}
    if {key.rpartition(".")[0] for key in missing} <= of_head and any(key.endswith(".weight") for key in missing):
        return (
            f"has no output head: {missing[-1]} is in none of its files and is not tied to the embedding; "
            "name a checkpoint that was saved as ...ForCausalLM"
        )
    counted, there = len(find_blocks(model)), _blocks_there(model, set(missing))
    if 0 < there < counted:
        return f"has {counted} blocks by its configuration (num_hidden_layers), and {there} in its files; mend the one, or {AGAIN}"
    more = f" and {len(missing) - 1} more" if missing[1:] else ""
    other = f"; it has {unexpected[0]}, which {name} does not know" if unexpected else ""
    return f"lacks {missing[0]}{more}, which {name} needs{other}; {AGAIN}"


def _blocks_there(model: PreTrainedModel, missing: set[str]) -> int:
    """The number of blocks before the first that is missing as a whole."""
    blocks = find_blocks(model)
    prefix = next(key for key, module in model.named_modules() if module is blocks)
    for index, block in enumerate(blocks):
        if missing >= {f"{prefix}.{index}.{name}" for name, _ in block.named_parameters()}:
            return index
    return len(blocks)


def _rehearse(model: PreTrainedModel) -> None:
    """Send a text through the embedding and the first block as pruning does; raises what pruning would."""
    streamed = StreamedModel(model, torch.float32, Zeros(model))
    for _ in iterate_linears(model):
        pass
    # Twice, for what blocks are passed must not depend on the tokens.
    calls = BlockCalls(streamed.blocks)
    size = model.get_input_embeddings().weight.shape[0]
    texts = torch.arange(2 * TOKENS).remainder(size - 1).reshape(2, 1, TOKENS) + 1
    with torch.no_grad(), streamed.embedding(texts) as base:
        hidden, _ = (calls.embed(base, text) for text in texts)
        if hidden.shape[:2] != (1, TOKENS) or hidden.ndim != 3:
            raise UnsupportedArchitecture(
                f"{type(model).__name__} passes {tuple(hidden.shape)} to its blocks, not one state a token: not supported."
            )
        listener = InputListener(find_linears(streamed.blocks[0]), "norms")
        with listener.listening(), listener.batch(0, torch.ones(1, dtype=torch.float64)):
            calls.run(0, hidden)
    listener.unreached()


class Zeros:
    """Zeros in the place of a checkpoint's weights, of the parts that are asked for alone; embeddings whose rows differ."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model

    def load_module(self, module: nn.Module, device: str = "cpu") -> None:
        """See `models.checkpoint.Checkpoint`."""
        for owner in module.modules():
            for name, parameter in owner._parameters.items():
                if parameter is not None:
                    owner._parameters[name] = nn.Parameter(
                        torch.zeros_like(parameter, device=device), requires_grad=False
                    )

    def load(self, names: Collection[str], device: str = "cpu") -> None:
        """See `models.checkpoint.Checkpoint`."""
        for name in names:
            owner, _, attribute = name.rpartition(".")
            parameter = self._model.get_parameter(name)
            is_table = parameter.ndim == 2 and isinstance(self._model.get_submodule(owner), nn.Embedding)
            made = _told_apart(*parameter.shape) if is_table else torch.zeros_like(parameter, device=device)
            self._model.get_submodule(owner)._parameters[attribute] = nn.Parameter(made, requires_grad=False)

    def rows(self, name: str, wanted: torch.Tensor) -> torch.Tensor:
        """See `models.checkpoint.Checkpoint`."""
        return _told_apart(len(wanted), self._model.get_parameter(name).shape[1])


def _told_apart(rows: int, width: int) -> torch.Tensor:
    """An embedding whose rows differ, for what depends on tokens to be seen, in the memory of one column."""
    return torch.arange(1.0, rows + 1)[:, None].expand(rows, width)


def _refuse_tokenizer(directory: Path, trusted: bool, rows: int) -> None:
    found = boundary_tokens(load_tokenizer(directory, trusted))
    try:
        _ = Boundary(found["bos"], found["eos"], ()).start
    except ValueError as error:
        raise UnusableModel(
            "has a tokenizer with neither BOS nor EOS, so that a text has no start to be scored from; name its eos_token in "
            "tokenizer_config.json"
        ) from error
    past = [name for name in ("bos", "eos") if (found[name] or 0) >= rows]
    if past:
        raise UnusableModel(
            f"has a tokenizer whose {past[0].upper()} has the number {found[past[0]]}, past the {rows} rows of its embedding; "
            "enlarge the embedding (resize_token_embeddings), or take the tokenizer that belongs to it"
        )


@contextmanager
def _as_unusable() -> Iterator[None]:
    """Whatever transformers, or the model's own code, cannot make of these files is a reason to refuse them."""
    try:
        yield
    except UnusableModel:
        raise
    except UnsupportedArchitecture as error:
        raise UnusableModel(f"cannot be pruned: {str(error).rstrip('.')}; take another model") from error
    except PASSING as error:
        raise PassingRefusal(
            f"cannot be looked at on this machine ({type(error).__name__}: {_on_a_line(error)}); install or provide what that names"
        ) from error
    except Exception as error:
        raise UnusableModel(
            f"cannot be built or run by the installed transformers ({type(error).__name__}: {_on_a_line(error)}); "
            "compare its config.json with that of the published model, or take another model"
        ) from error


def _on_a_line(error: Any) -> str:
    return " ".join(str(error).split())[:300] or "no message"


@contextmanager
def _quiet() -> Iterator[None]:
    """No reports of transformers: a refusal says what is to be known."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)
    try:
        with without_bar():
            yield
    finally:
        logging.set_verbosity(verbosity)
