"""The evaluation texts of a language, as they go through a model; the same for the dense model and for every variant."""

from dataclasses import dataclass
from pathlib import Path

from workflow_scripts.artifacts.files import read_provenance, refuse_foreign_model
from workflow_scripts.corpora.tokens import Boundary, TokenizedDocument, read_boundary, read_tokens
from workflow_scripts.evaluation.chunks import PROTOCOLS, Chunk


@dataclass(frozen=True)
class Parameters:
    """Which texts are scored, and how they go through the model."""

    documents: int
    """evaluation documents, from the first on"""
    length: int
    """tokens that the model sees at a time"""
    protocol: str = "document"
    """document or published"""
    batch: int = 4
    threads: int = 1
    device: str = "auto"
    dtype: str = "auto"


def read_chunks(model: Path, tokens: Path, parameters: Parameters) -> tuple[list[Chunk], list[TokenizedDocument]]:
    """What goes through the model, and the documents that it is cut from.

    Args:
        model: record of the dense model.
        tokens: tokenized documents of the language.
        parameters: which of them, and how they are cut.

    Raises:
        ArtifactError: the tokens were made for another model.
        ValueError: there are fewer documents, or tokens, than asked for.
    """
    refuse_foreign_model(read_provenance(tokens), model, tokens)
    documents = read_tokens(tokens, "evaluation")[: parameters.documents]
    if len(documents) < parameters.documents:
        raise ValueError(
            f"{tokens} has {len(documents)} evaluation documents, fewer than the {parameters.documents} of "
            "evaluation.documents: lower that number, or raise the corpus's evaluation_share."
        )
    boundary = read_boundary(model)
    if parameters.protocol == "published":
        _refuse_unknown_blank_line(model.parent, boundary)
    return PROTOCOLS[parameters.protocol](documents, boundary, parameters.length), documents


def _refuse_unknown_blank_line(directory: Path, boundary: Boundary) -> None:
    from workflow_scripts.models.tokenizer import embedding_rows, load_tokenizer, refuse_past_embedding

    rows = embedding_rows(directory)
    refuse_past_embedding(boundary.blank_line, rows, load_tokenizer(directory), "A blank line between documents")
