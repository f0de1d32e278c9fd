"""Sentences that are translations of each other, language by language, in the documents of a parallel corpus."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workflow_scripts.corpora.document import CorpusError, Document, read_documents


@dataclass(frozen=True)
class Sentence:
    """A sentence: its document, its number there, and its text."""

    doc_id: str
    number: int
    text: str


def read_sentences(path: Path, documents: int) -> list[Sentence]:
    """The sentences of the first evaluation documents in a language's file; raises as `sentences_of`."""
    return sentences_of(read_documents(path, "evaluation"), documents, str(path))


def sentences_of(documents: Sequence[Document], number: int, source: str) -> list[Sentence]:
    """The sentences of the first documents, in order.

    Args:
        documents: evaluation documents of a language.
        number: how many of them.
        source: where they are from, for errors.

    Raises:
        CorpusError: there are fewer, or one whose sentences are not known.
    """
    if len(documents) < number:
        raise CorpusError(
            f"{source} has {len(documents)} evaluation documents, fewer than the {number} of "
            "evaluation.representations.documents: lower that number, or raise the corpus's evaluation_share."
        )
    return [sentence for document in documents[:number] for sentence in _sentences(document, source)]


def _sentences(document: Document, source: str) -> list[Sentence]:
    if not document.sentences:
        raise CorpusError(
            f"{source} does not say what the sentences of {document.doc_id!r} are, which evaluation.representations needs: "
            "give every document its `sentences`, or leave that key out."
        )
    return [Sentence(document.doc_id, number, text) for number, text in enumerate(document.sentences)]


def documents_of_sentences(languages: Mapping[str, Sequence[Sentence]]) -> list[str]:
    """The document of every sentence, the same in all languages.

    Args:
        languages: language -> its sentences.

    Raises:
        CorpusError: the sentences of two languages are not translations of each other, by document and number.
    """
    (first, expected), *others = [
        (language, [(sentence.doc_id, sentence.number) for sentence in found]) for language, found in languages.items()
    ]
    for language, found in others:
        if found != expected:
            (doc_id, _) = min(set(found) ^ set(expected), default=expected[0])
            raise CorpusError(
                f"The sentences of {language} and {first} are not parallel, they differ in document {doc_id!r}: "
                "evaluation.representations needs a corpus whose documents have the same sentences in every language."
            )
    return [doc_id for doc_id, _ in expected]
