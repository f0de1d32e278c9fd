"""Step: tokenize the documents of one language once, for calibration and evaluation alike."""

from pathlib import Path

from tqdm import tqdm

from workflow_scripts.artifacts import make_provenance, write_table
from workflow_scripts.cli import run_step
from workflow_scripts.corpora.document import SPLITS, read_documents
from workflow_scripts.corpora.tokens import TokenizedDocument, tokens_table
from workflow_scripts.models.tokenizer import load_tokenizer


def tokenize_documents(*, model: Path, documents: Path, output: Path, code: str = "") -> None:
    """Write the token ids of every document, without special tokens, as Parquet.

    Args:
        model: record of the dense model.
        documents: the documents.
        output: the tokens.
        code: digest of this step's code.
    """
    tokenizer = load_tokenizer(model.parent)
    found = [document for split in SPLITS for document in read_documents(documents, split)]
    rows = [
        TokenizedDocument(
            document.doc_id,
            document.split,
            document.register,
            tokenizer(document.text, add_special_tokens=False, verbose=False).input_ids,
            len(document.text.encode()),
            len(document.text),
        )
        for document in tqdm(found, desc="documents", unit="document", disable=None)
    ]
    inputs = {"model": model, "documents": documents}
    write_table(output, tokens_table(rows), make_provenance("tokenize_documents", {}, code, inputs))


if __name__ == "__main__":
    run_step(tokenize_documents)
