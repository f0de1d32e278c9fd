"""Documents from a folder of the user's: one file or one subfolder per language, in any form that `corpora.rows` reads.

Beside the text, rows may carry `doc_id`, `split`, `sentences`, `register` and `origin`. Hidden files, and those that editors and
file managers leave, are passed over.
"""

import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflow_scripts.corpora.document import SPLITS, CorpusError, Document, has_text
from workflow_scripts.corpora.languages import canonical
from workflow_scripts.corpora.rows import PACKED, READERS, Row, RowsError, ending, read_rows
from workflow_scripts.corpora.splitting import arrange, check_share

logger = logging.getLogger(__name__)

SUFFIXES = tuple(READERS)
EXTRAS = ("doc_id", "split", "sentences", "register", "origin")
LEFT_BEHIND = ("~", ".bak", ".crdownload", ".orig", ".part", ".swp", ".tmp")
"""Ends of the names of files that no one means."""
SYSTEM = ("__MACOSX", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Options:
    """Settings of a local corpus.

    Attributes:
        path: folder with `sw.jsonl`, `sw.csv`, `sw.tsv`, `sw.txt` (or packed, `sw.txt.gz`), `sw.parquet`, or a subfolder `sw/` of
            such files at any depth, for language sw.
        text: column that holds the text.
        evaluation_share: share of documents kept for evaluation, 0 to 1.
    """

    path: str
    text: str = "text"
    evaluation_share: float = 0.5

    def __post_init__(self) -> None:
        check_share(self.evaluation_share)


def languages(options: Options) -> list[str]:
    """The languages of a local corpus, sorted; raises CorpusError when its folder is missing."""
    return sorted({_language_of(entry) for entry in _entries(options)})


def input_files(language: str, options: Options) -> list[Path]:
    """The files of a language, sorted by name.

    Raises:
        CorpusError: the folder or the language is missing, or the language is there twice.
    """
    folder = Path(options.path)
    entries = _entries(options)
    found = [entry for entry in entries if _language_of(entry) == canonical(language)]
    if not found:
        known = ", ".join(sorted({_language_of(entry) for entry in entries})) or "none"
        raise CorpusError(
            f"Corpus folder {folder} has no language {language!r}, only {known}: "
            f"add {language}/ or {language} with one of {', '.join(SUFFIXES)}."
        )
    if len(found) > 1:
        names = " and ".join(entry.name for entry in found)
        raise CorpusError(f"Corpus folder {folder} has language {language!r} more than once ({names}): keep one.")
    if found[0].is_file():
        return found
    files = [path for path in _below(found[0]) if ending(path) in SUFFIXES]
    if not files:
        raise CorpusError(
            f"Folder {found[0]} holds no file that ends in {', '.join(SUFFIXES)}: add one (links out of the corpus are not followed)."
        )
    return files


def passed_over(options: Options) -> list[Path]:
    """Files in the folder of a local corpus that are not read, sorted, those that no one means left out."""
    folder = Path(options.path)
    entries = [entry for entry in sorted(folder.iterdir()) if _is_meant(entry)] if folder.is_dir() else []
    read = {path for entry in entries if entry.is_dir() for path in _below(entry) if ending(path) in SUFFIXES}
    read |= {entry for entry in entries if entry.is_file() and ending(entry) in SUFFIXES}
    # Links are among them, which are not followed.
    there = [path for entry in entries for path in (entry.rglob("*") if entry.is_dir() else [entry])]
    meant = [path for path in there if all(map(_is_meant, [path, *path.relative_to(folder).parents]))]
    return sorted(path for path in meant if path not in read and (path.is_symlink() or not path.is_dir()))


def read(language: str, options: Options) -> Iterator[Document]:
    """The documents of a language, split and ordered by hash.

    A document without doc_id is called after its file (a text file of several; with its subfolder, if it is in one) or after
    its running number in the language, from 0. Documents without any text are left out, yet counted, so that parallel documents stay aligned.

    Raises:
        CorpusError: a missing folder, language or text column; a file that is malformed or not UTF-8; no documents;
            a doc_id that is there twice.
    """
    files = input_files(language, options)
    try:
        documents = list(_documents(_rows(files, options), options))
    except RowsError as error:
        raise CorpusError(str(error)) from error
    if not documents:
        raise CorpusError(f"The files of language {language!r} in {options.path} hold no text: add documents.")
    yield from arrange(documents, language, options.evaluation_share)


def _entries(options: Options) -> list[Path]:
    """The files and folders of all languages, sorted by name."""
    folder = Path(options.path)
    if not folder.is_dir():
        raise CorpusError(f"Corpus folder {folder} does not exist or is no folder: mend `path` of the corpus.")
    return [entry for entry in sorted(folder.iterdir()) if _is_language(entry)]


def _is_language(entry: Path) -> bool:
    return _is_meant(entry) and (entry.is_dir() or (entry.is_file() and ending(entry) in SUFFIXES))


def _is_meant(path: Path) -> bool:
    return not path.name.startswith((".", "~$")) and not path.name.endswith(LEFT_BEHIND) and path.name not in SYSTEM


def _below(folder: Path) -> list[Path]:
    """The files in a folder at any depth that someone means, sorted. Links to folders, or out of it, are not followed."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if _is_meant(Path(name))]
        found += [path for name in names if _is_meant(path := Path(place, name)) and _is_inside(path, folder)]
    return sorted(found)


def _is_inside(path: Path, folder: Path) -> bool:
    """Whether there is a file, and in the corpus: links may go from one place of it to another."""
    return path.is_file() and path.resolve().is_relative_to(folder.parent.resolve())


def _language_of(entry: Path) -> str:
    return canonical(entry.name if entry.is_dir() else _stem(entry))


def _stem(path: Path) -> str:
    """The name of a file without the endings that say what it holds."""
    return (path.with_suffix("") if path.suffix.lower() == PACKED else path).stem


def _rows(files: list[Path], options: Options) -> Iterator[Row]:
    alone = len(files) == 1
    for path in files:
        for place, row in read_rows(path, options.text, EXTRAS, alone):
            own = {"doc_id": _name(path, options)} if ending(path) == ".txt" and not alone else {}
            yield place, own | row


def _name(path: Path, options: Options) -> str:
    """A text file's name below the folder of its language."""
    below = path.relative_to(options.path)
    return Path(*below.parts[1:-1], _stem(path)).as_posix()


def _documents(rows: Iterable[Row], options: Options) -> Iterator[Document]:
    seen: dict[str, str] = {}
    skipped = 0
    for number, (place, row) in enumerate(rows):
        name = options.text
        if name not in row:
            columns = ", ".join(sorted(row)) or "none"
            raise CorpusError(f"{place} has no text column {name!r}, only {columns}: set `text` of the corpus.")
        text = row[name]
        if text is None or (isinstance(text, str) and not has_text(text)):
            skipped += 1
            continue
        doc_id = str(_value(row, "doc_id", (str, int), place, default=number))
        if doc_id in seen:
            numbered = "" if row.get("doc_id") is not None else ", its number among the documents"
            remedy = (
                "rename one" if not numbered else "write doc_ids into the rows, or rename the file that is called so"
            )
            raise CorpusError(f"{place} has doc_id {doc_id!r}{numbered}, as has {seen[doc_id]}: {remedy}.")
        seen[doc_id] = place
        split = _value(row, "split", str, place)
        if split not in (None, *SPLITS):
            raise CorpusError(f"{place} has split {split!r}: make it one of {', '.join(SPLITS)}, or drop the column.")
        sentences = _value(row, "sentences", list, place)
        yield Document(
            doc_id=doc_id,
            text=_value(row, name, str, place),
            sentences=None if sentences is None else tuple(sentences),
            register=_value(row, "register", str, place),
            origin=_value(row, "origin", str, place),
            split=split,
        )
    if skipped:
        logger.info("%s: left out %d documents without text.", options.path, skipped)


def _value(row: dict[str, Any], name: str, kind: type | tuple[type, ...], place: str, default: Any = None) -> Any:
    value = row.get(name)
    if value is None:
        return default
    if not isinstance(value, kind) or isinstance(value, bool):
        raise CorpusError(f"{place} has a {name!r} of type {type(value).__name__}: {_expected(kind)} is needed.")
    if isinstance(value, list) and not all(isinstance(item, str) for item in value):
        raise CorpusError(f"{place} has {name!r} that are not all strings: make each a string.")
    return value


def _expected(kind: type | tuple[type, ...]) -> str:
    return " or ".join(each.__name__ for each in (kind if isinstance(kind, tuple) else (kind,)))
