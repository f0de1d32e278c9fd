"""Which documents calibrate and which evaluate, and in what order they are drawn.

Both follow from a hash of the doc_id alone: the documents of a parallel corpus fall on the same side in every language,
and a document that is added later moves no other.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

from workflow_scripts.corpora.document import CorpusError, Document, same_text

logger = logging.getLogger(__name__)


def hash_fraction(doc_id: str, salt: str) -> float:
    """A number in [0, 1) that is uniform over doc_ids: the first 53 bits of SHA-256(salt, zero byte, doc_id)."""
    digest = sha256(f"{salt}\0{doc_id}".encode()).digest()
    return (int.from_bytes(digest[:8]) >> 11) / 2**53


def check_share(evaluation_share: float) -> None:
    """Raise CorpusError unless the share is in [0, 1]."""
    if not 0 <= evaluation_share <= 1:
        raise CorpusError(f"evaluation_share is {evaluation_share}: set it between 0 and 1.")


def split_of(doc_id: str, evaluation_share: float) -> str:
    """The split of a document; a larger share moves documents from calibration to evaluation, never back."""
    return "evaluation" if hash_fraction(doc_id, "split") < evaluation_share else "calibration"


def arrange(documents: Iterable[Document], language: str, evaluation_share: float) -> list[Document]:
    """Documents as a source hands them over: without duplicates, each with a split, in an order fixed by hash.

    Of texts that are the same by `document.same_text` the first stays. A split that a document brings along is kept. The order keeps neighbours in a file
    (often one author, one page) from being neighbours in a draw. `language` is for the log.
    """
    documents = list(documents)
    by_text: dict[str, Document] = {}
    for document in documents:
        by_text.setdefault(same_text(document.text), document)
    if len(by_text) < len(documents):
        logger.info("%s: dropped %d duplicates of other documents.", language, len(documents) - len(by_text))
    return [
        replace(document, split=document.split or split_of(document.doc_id, evaluation_share))
        for document in sorted(by_text.values(), key=lambda each: (hash_fraction(each.doc_id, "order"), each.doc_id))
    ]
