"""Step: tokenize the documents of one language once, for calibration and evaluation alike."""

from pathlib import Path

from tqdm import tqdm

from workflow_scripts.artifacts.files import make_provenance, write_table
from workflow_scripts.corpora.document import SPLITS, read_documents
from workflow_scripts.corpora.tokens import TokenizedDocument, tokens_table
from workflow_scripts.models.tokenizer import embedding_rows, load_tokenizer, refuse_past_embedding
from workflow_scripts.runtime.command_line import run_step


def tokenize_documents(*, model: Path, documents: Path, output: Path, code: str = "") -> None:
    """Write the token ids of every document, without special tokens, as Parquet.

    Args:
        model: record of the dense model.
        documents: the documents.
        output: the tokens.
        code: digest of this step's code.

    Raises:
        ValueError: a document holds a token that the model does not know.
    """
    tokenizer = load_tokenizer(model.parent)
    found = [document for split in SPLITS for document in read_documents(documents, split)]
    known = embedding_rows(model.parent)
    rows = []
    for document in tqdm(found, desc="documents", unit="document", disable=None):
        ids = tokenizer(document.text, add_special_tokens=False, verbose=False).input_ids
        refuse_past_embedding(ids, known, tokenizer, f"Document {document.doc_id!r} of {documents.stem}")
        sizes = len(document.text.encode()), len(document.text)
        rows.append(TokenizedDocument(document.doc_id, document.split, document.register, ids, *sizes))
    inputs = {"model": model, "documents": documents}
    write_table(output, tokens_table(rows), make_provenance("tokenize_documents", {}, code, inputs))


if __name__ == "__main__":
    run_step(tokenize_documents)
