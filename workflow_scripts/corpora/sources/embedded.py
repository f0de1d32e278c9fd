"""The corpus that comes with polyprune: short parallel documents, written for it, aligned sentence by sentence."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workflow_scripts.corpora.document import CorpusError, Document
from workflow_scripts.corpora.scripts import blank_between

DATA = Path(__file__).parent.parent / "data"


@dataclass(frozen=True)
class Options:
    """The embedded corpus has no settings."""


def languages(options: Options, directory: Path = DATA) -> list[str]:
    """The languages of the embedded corpus, sorted."""
    return sorted(path.stem for path in directory.glob("*.jsonl"))


def input_files(language: str, options: Options, directory: Path = DATA) -> list[Path]:
    """The one file of a language; raises CorpusError when the corpus has no such language."""
    known = languages(options, directory)
    if language not in known:
        raise CorpusError(
            f"The embedded corpus has no language {language!r}, only {', '.join(known) or 'none'}: "
            "take one of these, or a corpus of kind local or hub."
        )
    return [directory / f"{language}.jsonl"]


def read(language: str, options: Options, directory: Path = DATA) -> Iterator[Document]:
    """The documents of a language with their own split, in the order of the file; raises CorpusError."""
    (path,) = input_files(language, options, directory)
    blank = blank_between(language)
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line:
            row = json.loads(line)
            yield Document(
                doc_id=row["doc_id"],
                text=blank.join(row["sentences"]),
                sentences=tuple(row["sentences"]),
                register=row["register"],
                origin=row["origin"],
                split=row["split"],
            )
