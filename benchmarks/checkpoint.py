"""Write a Llama checkpoint of any size with random weights, a block at a time, so that it takes little memory."""

import json
import re
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast


@dataclass(frozen=True)
class Sizes:
    """Sizes of a Llama model; as they stand, 1.04 billion parameters, 4.2 GB in float32."""

    hidden_size: int = 2048
    intermediate_size: int = 8192
    num_hidden_layers: int = 16
    num_attention_heads: int = 32
    num_key_value_heads: int = 8
    vocab_size: int = 32000


def write_checkpoint(folder: Path, sizes: Sizes, seed: int = 0) -> int:
    """Write config, tokenizer, index and a shard a block; the number of parameters."""
    folder.mkdir(parents=True, exist_ok=True)
    config = LlamaConfig(
        **asdict(sizes),
        architectures=["LlamaForCausalLM"],
        tie_word_embeddings=True,
        dtype="float32",
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    config.save_pretrained(folder)
    write_tokenizer(folder)
    shards = _shards(config)
    files, parameters = {}, 0
    for number, (name, shapes) in enumerate(shards.items()):
        generator = torch.Generator().manual_seed(seed + number)
        tensors = {key: _random(shape, generator) for key, shape in shapes.items()}
        save_file(tensors, folder / f"model-{name}.safetensors", metadata={"format": "pt"})
        files |= dict.fromkeys(tensors, f"model-{name}.safetensors")
        parameters += sum(tensor.numel() for tensor in tensors.values())
    index = {"metadata": {"total_size": 4 * parameters}, "weight_map": files}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2), encoding="utf-8")
    return parameters


def _shards(config: LlamaConfig) -> dict[str, dict[str, torch.Size]]:
    """Shard -> tensor -> shape: a shard a block, and one for all that is in none."""
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
    shards: dict[str, dict[str, torch.Size]] = defaultdict(dict)
    # A tied head is the same parameter as the embedding, and comes once.
    for name, parameter in model.named_parameters():
        block = re.search(r"\.layers\.(\d+)\.", name)
        shards[f"{int(block[1]):05d}" if block else "rest"][name] = parameter.shape
    return shards


def _random(shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    """Weights that keep the size of what they multiply; norms are one."""
    if len(shape) == 1:
        return torch.ones(shape)
    return torch.randn(shape, generator=generator).mul_(shape[-1] ** -0.5)


def write_tokenizer(folder: Path) -> None:
    """The smallest tokenizer that the steps accept: no text goes through it."""
    vocabulary = {"<pad>": 0, "<bos>": 1, "<eos>": 2, "<unk>": 3, "a": 4}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    names = {f"{name}_token": f"<{name}>" for name in ("pad", "bos", "eos", "unk")}
    PreTrainedTokenizerFast(tokenizer_object=raw, **names).save_pretrained(folder)
