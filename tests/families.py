"""Tiny models of all families that are pruned and evaluated end to end in `test_families.py`, and the page that says so.

`python -m tests.families` writes docs/models.md.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from tests.conftest import SIZES

PAGE = Path(__file__).parents[1] / "docs" / "models.md"
HEADS = {"head_dim": 8}
LATENT = {
    "kv_lora_rank": 16, "q_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8, "qk_head_dim": 16,
    "num_key_value_heads": 4, **HEADS,
}  # fmt: skip
EXPERTS = {"num_experts": 5, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
OF_GEMMA4 = {
    "global_head_dim": 8, "hidden_size_per_layer_input": 0, "vocab_size_per_layer_input": 96, "num_kv_shared_layers": 0,
    "layer_types": ["sliding_attention", "sliding_attention", "full_attention"], **HEADS,
}  # fmt: skip
QUICK: dict[str, dict[str, Any]] = {
    "biogpt": {},
    "bloom": {"n_layer": 3, "n_head": 4},
    "cohere": {"logit_scale": 0.25},
    "doge": {"is_moe": False},
    "gemma3_text": {"sliding_window": 6, "query_pre_attn_scalar": 8, **HEADS},
    "gpt_bigcode": {"n_inner": 48},
    "granitemoehybrid": {
        "num_local_experts": 0, "shared_intermediate_size": 48, "layer_types": ["attention"] * 3, "mamba_n_heads": 4,
        "position_embedding_type": "rope",
    },
    "llama": {},
    "mixtral": {"num_local_experts": 5, "num_experts_per_tok": 2},
    "olmoe": {"num_experts": 5, "num_experts_per_tok": 2},
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32},
    "qwen2_moe": {"shared_expert_intermediate_size": 40, **EXPERTS},
    "qwen3": HEADS,
    "qwen3_moe": {"mlp_only_layers": [1], **EXPERTS, **HEADS},
    "xglm": {"ffn_dim": 48},
}  # fmt: skip
"""Family, as transformers calls it -> what its tiny configuration says beside `SIZES`. Kinds of blocks, masks and heads, each once."""
FURTHER: dict[str, dict[str, Any]] = {
    "apertus": {}, "arcee": {}, "bert-generation": {"is_decoder": True}, "bitnet": {}, "codegen": {"rotary_dim": 4}, "cohere2": HEADS,
    "ctrl": {"dff": 48}, "cwm": HEADS, "diffllama": {}, "ernie4_5": HEADS, "exaone4": {}, "gemma": HEADS,
    "gemma2": {"sliding_window": 6, "query_pre_attn_scalar": 8, **HEADS}, "gemma4_text": OF_GEMMA4,
    "gemma4_unified_text": OF_GEMMA4, "glm": HEADS, "glm4": HEADS, "gpt_neo": {"attention_types": [[["global"], 3]]},
    "gpt_neox": {}, "gpt_neox_japanese": {}, "gptj": {"rotary_dim": 4}, "granite": {}, "granite_swa": {}, "helium": HEADS,
    "hunyuan_v1_dense": HEADS, "hyperclovax": {}, "internlm3": HEADS, "iquestcoder": HEADS, "jais2": {},
    "lfm2": {"layer_types": ["full_attention"] * 3}, "minicpm3": LATENT, "ministral": HEADS, "ministral3": HEADS, "mistral": {},
    "modernbert-decoder": {"cls_token_id": 1, "sep_token_id": 2, "local_attention": 8},
    "mpt": {"d_model": 32, "n_layers": 3, "n_heads": 4, "max_seq_len": 64, "expansion_ratio": 2}, "nanochat": {}, "nemotron": {},
    "olmo": {}, "olmo2": {}, "olmo3": {}, "persimmon": {}, "phi": {}, "phi3": {}, "qwen2": {}, "seed_oss": HEADS, "smollm3": {},
    "stablelm": {}, "starcoder2": {}, "vaultgemma": {"query_pre_attn_scalar": 8, **HEADS}, "youtu": LATENT,
}  # fmt: skip
"""The same, tested among the slow tests."""
FAMILIES = QUICK | FURTHER


def tiny_of_family(family: str, seed: int = 0) -> PreTrainedModel:
    """A float32 model with random weights, large enough that every linear matters."""
    kind = type(AutoConfig.for_model(family))
    known = {*kind().to_dict(), *kind.attribute_map}
    sizes = {key: value for key, value in SIZES.items() if key in known}
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(kind(**sizes | FAMILIES[family])).eval().requires_grad_(False)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            parameter.mul_(5)
    return model


def page() -> str:
    """docs/models.md."""
    rows = [
        f"| `{family}` | {_class_of(family)} | {'every change' if family in QUICK else 'slow tests'} |"
        for family in sorted(FAMILIES)
    ]
    return PREFACE.format(count=len(FAMILIES)) + "\n".join(rows) + "\n"


def _class_of(family: str) -> str:
    return MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[family]


PREFACE = """\
# Models

The {count} families below are tested end to end, each on a tiny model with random weights: `prepare_model`, `sample_calibration`,
`prune_model`, `measure_perplexity` and `score_cloze` run on it one after the other. The masks of Wanda are those of a naive
reference, bit for bit in float64; perplexity and cloze scores of the pruned model are those that transformers computes by itself,
a text at a time. What a family's published checkpoints hold beside that, and models of billions of weights, these tests do not
show. The real model of the default study is `gemma3_text`.

`python -m tests.families` writes this page, and a test holds it against what is tested. A model of another family is looked at
in the same way before any job: it runs where one of its blocks can be sent through pruning, and is refused by name where not.

| family (`model_type`) | class | tested |
|---|---|---|
"""

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
