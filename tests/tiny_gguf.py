"""A tiny GGUF file with random weights: a model that polyprune keeps a dense copy of."""

import string
from pathlib import Path

import gguf
import numpy as np

HIDDEN, INTERMEDIATE, BLOCKS = 32, 48, 2
SPECIAL = ["<bos>", "<eos>", "<unk>"]
# "Ġ" is a blank and "Ċ" a line break, as byte-level tokenizers spell them.
VOCABULARY = [*SPECIAL, *string.ascii_lowercase, "Ġ", "Ċ", "ab"]


def save_gguf(
    path: Path,
    seed: int = 0,
    architecture: str = "llama",
    blocks: int = BLOCKS,
    without: str = "-",
    split: int = 0,
    ends: bool = True,
    scaled: bool = False,
    more: str = "",
) -> Path:
    """A Llama of 20,000 parameters in float32, its tokenizer included.

    What it says of itself can be made wrong: its architecture, its number of blocks, a tensor `without` which it is, the
    number of parts that it is one of, whether it knows the tokens that begin and end a text, whether it scales its rotary
    embeddings, the name of one tensor `more`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, architecture)
    _add_configuration(writer, blocks)
    if split:
        writer.add_uint16("split.count", split)
    _add_tokenizer(writer, ends)
    if scaled:
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
    tensors = _tensors(np.random.default_rng(seed)) | ({more: np.ones(HIDDEN)} if more else {})
    for name, tensor in tensors.items():
        if not name.startswith(without):
            writer.add_tensor(f"{name}.weight", tensor.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_configuration(writer: gguf.GGUFWriter, blocks: int) -> None:
    writer.add_block_count(blocks)
    writer.add_context_length(64)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INTERMEDIATE)
    writer.add_head_count(4)
    writer.add_head_count_kv(4)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HIDDEN // 4)
    writer.add_vocab_size(len(VOCABULARY))


def _add_tokenizer(writer: gguf.GGUFWriter, ends: bool) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(VOCABULARY)
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    writer.add_token_types([control if token in SPECIAL else normal for token in VOCABULARY])
    writer.add_token_merges(["a b"])
    if ends:
        writer.add_bos_token_id(0)
        writer.add_eos_token_id(1)
    writer.add_unk_token_id(2)


def _tensors(random: np.random.Generator) -> dict[str, np.ndarray]:
    def weight(*shape: int) -> np.ndarray:
        return random.normal(0, 0.3, shape)

    tensors = {"token_embd": weight(len(VOCABULARY), HIDDEN), "output": weight(len(VOCABULARY), HIDDEN)}
    tensors["output_norm"] = np.ones(HIDDEN)
    for block in range(BLOCKS):
        at = f"blk.{block}."
        tensors |= {f"{at}{name}": np.ones(HIDDEN) for name in ("attn_norm", "ffn_norm")}
        tensors |= {f"{at}attn_{name}": weight(HIDDEN, HIDDEN) for name in ("q", "k", "v", "output")}
        tensors |= {f"{at}ffn_{name}": weight(INTERMEDIATE, HIDDEN) for name in ("gate", "up")}
        tensors[f"{at}ffn_down"] = weight(HIDDEN, INTERMEDIATE)
    return tensors
