"""Step: tokenize the cloze items of one language once, for all variants of a model."""

from pathlib import Path

from workflow_scripts.artifacts import make_provenance, write_table
from workflow_scripts.cli import run_step
from workflow_scripts.corpora.tokens import read_boundary
from workflow_scripts.evaluation.cloze_items import encode_item, items_table, read_items
from workflow_scripts.models.tokenizer import load_tokenizer


def tokenize_cloze(*, model: Path, cloze: Path, output: Path, code: str = "") -> None:
    """Write the tokens of every statement of every item as Parquet.

    Args:
        model: record of the dense model.
        cloze: items of the language, `{language}.jsonl`.
        output: the tokenized items.
        code: digest of this step's code.
    """
    tokenizer, start = load_tokenizer(model.parent), read_boundary(model).start
    table = items_table(encode_item(item, cloze.stem, tokenizer, start) for item in read_items(cloze))
    write_table(output, table, make_provenance("tokenize_cloze", {}, code, {"model": model, "cloze": cloze}))


if __name__ == "__main__":
    run_step(tokenize_cloze)
