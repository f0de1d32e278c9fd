"""Prune a checkpoint with llm-compressor, on windows of polyprune: the other side of `benchmarks.speed`.

Runs in the virtual environment of envs/benchmark.txt, which has not all that polyprune needs: imports nothing of it.
The settings are those with which llm-compressor was fastest here, see README.md in this folder.
"""

import argparse
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from datasets import Dataset
from llmcompressor import oneshot
from llmcompressor.modifiers.pruning import SparseGPTModifier, WandaPruningModifier
from transformers import AutoModelForCausalLM, PreTrainedModel

MODIFIERS = {"wanda": WandaPruningModifier, "sparsegpt": SparseGPTModifier}


def read_windows(path: Path) -> Dataset:
    """The windows of `sample_calibration`, all tokens attended to.

    Raises:
        ValueError: the windows differ in weight, which llm-compressor knows nothing of.
    """
    table = pq.read_table(path, columns=["token_ids", "weight"])
    if set(table["weight"].to_pylist()) != {1.0}:
        raise ValueError(f"The windows of {path} differ in weight: take a mixture in equal parts.")
    rows = table["token_ids"].to_pylist()
    return Dataset.from_dict({"input_ids": rows, "attention_mask": [[1] * len(row) for row in rows]})


def prune(model: PreTrainedModel, windows: Dataset, method: str, sparsity: float, batch: int) -> None:
    """Prune all linears of the decoder blocks in place, block by block, the pruned blocks' outputs going on."""
    oneshot(
        model=model,
        # Nothing is left to tokenize, and reading Gemma's tokenizer takes longer than a block.
        processor=object(),
        dataset=windows,
        recipe=MODIFIERS[method](sparsity=sparsity, mask_structure="0:0", targets=["Linear"], ignore=["re:.*lm_head"]),
        pipeline="sequential",
        batch_size=batch,
        num_calibration_samples=len(windows),
        max_seq_length=len(windows[0]["input_ids"]),
        shuffle_calibration_samples=False,
    )


def write_masks(model: PreTrainedModel, path: Path) -> None:
    """The bits of the weights that are not zero, as `{block}.{module}` -> uint8 [out_features, in_features / 8]."""
    masks = {}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and (place := re.search(r"\.(\d+\..*)$", name)):
            masks[place[1]] = np.packbits(module.weight.detach().numpy() != 0, axis=1)
    np.savez(path, **masks)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="checkpoint directory")
    parser.add_argument("--windows", type=Path, required=True, help="Parquet of sample_calibration")
    parser.add_argument("--method", choices=sorted(MODIFIERS), required=True)
    parser.add_argument("--sparsity", type=float, default=0.5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=1, help="windows at a time")
    parser.add_argument("--masks", type=Path, help="npz to write, of the weights that are not zero")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32, local_files_only=True)
    prune(model, read_windows(arguments.windows), arguments.method, arguments.sparsity, arguments.batch)
    if arguments.masks:
        write_masks(model, arguments.masks)


if __name__ == "__main__":
    main()
