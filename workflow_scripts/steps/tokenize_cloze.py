"""Step: tokenize the cloze items of one language once, for all variants of a model."""

from pathlib import Path

from workflow_scripts.artifacts.files import make_provenance, write_table
from workflow_scripts.corpora.tokens import read_boundary
from workflow_scripts.evaluation.cloze_items import encode_item, items_table, read_items
from workflow_scripts.models.tokenizer import embedding_rows, load_tokenizer, refuse_past_embedding
from workflow_scripts.runtime.command_line import run_step


def tokenize_cloze(*, model: Path, cloze: Path, output: Path, code: str = "") -> None:
    """Write the tokens of every statement of every item as Parquet.

    Args:
        model: record of the dense model.
        cloze: items of the language, `{language}.jsonl`.
        output: the tokenized items.
        code: digest of this step's code.
    """
    tokenizer, start = load_tokenizer(model.parent), read_boundary(model).start
    known = embedding_rows(model.parent)
    items = [encode_item(item, cloze.stem, tokenizer, start) for item in read_items(cloze)]
    for item in items:
        for statement in item.statements:
            refuse_past_embedding(statement, known, tokenizer, f"{item.item_id} in {cloze.stem}")
    write_table(
        output, items_table(items), make_provenance("tokenize_cloze", {}, code, {"model": model, "cloze": cloze})
    )


if __name__ == "__main__":
    run_step(tokenize_cloze)
