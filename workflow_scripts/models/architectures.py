"""Which architectures cannot be pruned, and why: told from a checkpoint's `config.json` alone, without torch.

The study is refused by these lists before any job starts. They need not be complete: `models.blocks` looks at the model
itself, in the first step that has it.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from workflow_scripts.models.heads import has_other_head

CONV1D = {"gpt2", "openai-gpt"}
CONVOLUTIONS = {
    "bamba", "falcon_h1", "falcon_mamba", "jamba", "kimi_linear", "mamba", "mamba2", "nemotron_h", "olmo_hybrid",
    "qwen3_5", "qwen3_5_text", "qwen3_next", "recurrent_gemma", "rwkv", "zamba", "zamba2",
}  # fmt: skip
OWN_MATRICES = {"falcon", "xlm", "xlnet"}
ENCODERS = {
    "albert", "bert", "big_bird", "camembert", "data2vec-text", "deberta", "deberta-v2", "distilbert", "electra", "ernie",
    "flaubert", "longformer", "megatron-bert", "modernbert", "mpnet", "nomic-bert", "rembert", "roberta",
    "roberta-prelayernorm", "roc_bert", "roformer", "xlm-roberta", "xlm-roberta-xl", "xmod",
}  # fmt: skip
ENCODER_DECODERS = {
    "bart", "bigbird_pegasus", "blenderbot", "blenderbot-small", "m2m_100", "marian", "mbart", "mt5", "mvp", "pegasus",
    "plbart", "prophetnet", "t5", "umt5", "whisper",
}  # fmt: skip
MIXTURES = {"mixtral", "olmoe", "qwen2_moe", "qwen3_moe"}
"""Mixtures of experts that can be pruned: the layout of their experts is known, see `models.experts`."""
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
"""Keys of a configuration that count experts."""
MODALITIES = ("text_config", "vision_config", "audio_config")
"""Keys of a configuration that has a part for each kind of input."""
POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len")
"""Keys of a configuration that say how many tokens a model can see."""
RECURRENT_LAYERS = {"conv", "linear_attention", "mamba", "recurrent"}


def unsupported(config: Mapping[str, Any]) -> str | None:
    """Why the model of this `config.json` cannot be pruned, as "(name) ..." without a full stop; None where it may be.

    Only what the configuration says for certain is refused.
    """
    kind = config.get("model_type")
    names = config.get("architectures")
    architecture = names[0] if isinstance(names, list) and names and isinstance(names[0], str) else kind
    reason = _reason(config, kind if isinstance(kind, str) else "", str(architecture))
    return reason and f"{architecture} {reason}"


def _reason(config: Mapping[str, Any], kind: str, architecture: str) -> str | None:
    only = "polyprune prunes decoder-only language models"
    linears = "only blocks whose weight matrices are all nn.Linear are supported"
    if config.get("is_encoder_decoder") is True or kind in ENCODER_DECODERS:
        return f"has an encoder and a decoder, and {only}; take another model"
    if kind in ENCODERS or (kind == "bert-generation" and config.get("is_decoder") is not True):
        return f"is an encoder, and {only}; take another model"
    if any(isinstance(config.get(key), Mapping) for key in MODALITIES):
        return "is multimodal; save its language model alone, and name that checkpoint"
    if config.get("quantization_config"):
        return "is quantised, and polyprune prunes plain weights; name the checkpoint it was made from"
    mixture = config.get("is_moe", True) and any(_count(config.get(key)) > 1 for key in EXPERTS)
    if mixture and kind not in MIXTURES:
        known = ", ".join(sorted(MIXTURES))
        return f"is a mixture of experts of another kind than those that can be pruned ({known}); take another model"
    if kind in CONV1D:
        return f"keeps its weights in Conv1D, and {linears}; take another model"
    layers = config.get("layer_types")
    if kind in CONVOLUTIONS or (isinstance(layers, list) and RECURRENT_LAYERS & {str(layer) for layer in layers}):
        return f"has convolutional or recurrent blocks, and {linears}; take another model"
    if kind in OWN_MATRICES:
        return f"keeps its weights in matrices of its own kind, and {linears}; take another model"
    if has_other_head(architecture):
        return "has no head that predicts the next token; name a checkpoint that ends in ForCausalLM"
    return None


def positions_of(config: Any) -> int | None:
    """How many tokens the model of a configuration of transformers' can see; None where it does not say."""
    return next((found for key in POSITIONS if isinstance(found := getattr(config, key, None), int)), None)


@cache
def causal_model_types() -> frozenset[str]:
    """The `model_type`s that the installed transformers has a causal language model for; empty when it cannot be told.

    Read from the source of transformers, for importing it takes seconds.
    """
    package = find_spec("transformers")
    if package is None or package.origin is None:
        return frozenset()
    source = Path(package.origin).parent / "models" / "auto" / "modeling_auto.py"
    try:
        text = source.read_text(encoding="utf-8")
    except OSError:
        return frozenset()
    start = r"^MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = OrderedDict\(\s*\[(.*?)^\s*\]\s*\)"
    mapping = re.search(start, text, re.DOTALL | re.MULTILINE)
    return frozenset(re.findall(r'\(\s*"([^"]+)",', mapping[1])) if mapping else frozenset()


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0
