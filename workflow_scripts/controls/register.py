"""Another register of the same language: only the documents of one kind of text."""

from workflow_scripts.controls import Original
from workflow_scripts.corpora.tokens import TokenizedDocument


def make(original: Original, register: str | None) -> list[TokenizedDocument]:
    """The documents of a register, in stored order.

    Raises:
        ValueError: the language has no document of that register.
    """
    found = [document for document in original.tokens if document.register == register]
    if not found:
        there = sorted({document.register for document in original.tokens if document.register}) or ["none at all"]
        raise ValueError(f"No calibration document has the register {register!r}: there is {', '.join(there)}.")
    return found
