"""Documents from a folder of the user's: one file or one subfolder per language, as text, JSON lines or Parquet.

Beside the text, rows of JSON lines and Parquet may carry `doc_id`, `split`, `sentences`, `register` and `origin`.
"""

import codecs
import json
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from workflow_scripts.corpora.document import SPLITS, CorpusError, Document
from workflow_scripts.corpora.splitting import arrange, check_share

logger = logging.getLogger(__name__)

SUFFIXES = (".jsonl", ".parquet", ".txt")
EXTRAS = ("doc_id", "split", "sentences", "register", "origin")
# A place to name in an error ("file, line 3"), and what stands there.
Row = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Options:
    """Settings of a local corpus.

    Attributes:
        path: folder with `sw.jsonl`, `sw.parquet`, `sw.txt` or a subfolder `sw/` of such files for language sw.
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
    found = [entry for entry in entries if _language_of(entry) == language]
    if not found:
        known = ", ".join(sorted({_language_of(entry) for entry in entries})) or "none"
        raise CorpusError(
            f"Corpus folder {folder} has no language {language!r}, only {known}: "
            f"add {language}/ or {language}.jsonl, .parquet or .txt."
        )
    if len(found) > 1:
        names = " and ".join(entry.name for entry in found)
        raise CorpusError(f"Corpus folder {folder} has language {language!r} more than once ({names}): keep one.")
    if found[0].is_file():
        return found
    files = [path for path in sorted(found[0].iterdir()) if path.suffix in SUFFIXES and path.is_file()]
    if not files:
        raise CorpusError(f"Folder {found[0]} holds no file that ends in {', '.join(SUFFIXES)}: add one.")
    return files


def read(language: str, options: Options) -> Iterator[Document]:
    """The documents of a language, split and ordered by hash.

    A document without doc_id is called after its file (a text file of several) or after its running number in the
    language, from 0. Documents without any text are left out, yet counted, so that parallel documents stay aligned.

    Raises:
        CorpusError: a missing folder, language or text column; a file that is malformed or not UTF-8; no documents;
            a doc_id that is there twice.
    """
    files = input_files(language, options)
    documents = list(_documents(_rows(files, options.text), options))
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
    if entry.name.startswith("."):
        return False
    return entry.is_dir() or entry.suffix in SUFFIXES


def _language_of(entry: Path) -> str:
    return entry.name if entry.is_dir() else entry.stem


def _rows(files: list[Path], text: str) -> Iterator[Row]:
    for path in files:
        if path.suffix == ".txt":
            yield from _text_rows(path, text, alone=len(files) == 1)
        elif path.suffix == ".jsonl":
            yield from _json_rows(path)
        else:
            yield from _parquet_rows(path, text)


def _documents(rows: Iterable[Row], options: Options) -> Iterator[Document]:
    seen: dict[str, str] = {}
    skipped = 0
    for number, (place, row) in enumerate(rows):
        name = options.text
        if name not in row:
            columns = ", ".join(sorted(row)) or "none"
            raise CorpusError(f"{place} has no text column {name!r}, only {columns}: set `text` of the corpus.")
        text = row[name]
        if text is None or text == "" or (isinstance(text, str) and text.isspace()):
            skipped += 1
            continue
        doc_id = str(_value(row, "doc_id", (str, int), place, default=number))
        if doc_id in seen:
            raise CorpusError(f"{place} has doc_id {doc_id!r}, as has {seen[doc_id]}: rename one.")
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
    if not isinstance(value, kind):
        raise CorpusError(f"{place} has a {name!r} of type {type(value).__name__}: {_expected(kind)} is needed.")
    if isinstance(value, list) and not all(isinstance(item, str) for item in value):
        raise CorpusError(f"{place} has {name!r} that are not all strings: make each a string.")
    return value


def _expected(kind: type | tuple[type, ...]) -> str:
    return " or ".join(each.__name__ for each in (kind if isinstance(kind, tuple) else (kind,)))


def _decode(path: Path) -> str:
    data = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CorpusError(f"{path}, line {line} is not UTF-8 ({error.reason}): convert the file to UTF-8.") from error


def _text_rows(path: Path, text: str, alone: bool) -> Iterator[Row]:
    content = _decode(path).strip()
    if not alone:
        yield str(path), {"doc_id": path.stem, text: content}
        return
    for part in re.split(r"\n(?:[ \t]*\n)+", content):
        yield str(path), {text: part}


def _json_rows(path: Path) -> Iterator[Row]:
    # Not splitlines(): a JSON string may hold U+2028 and other characters that it takes for the end of a line.
    for number, line in enumerate(_decode(path).split("\n"), 1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            row = json.loads(line)
            # An escape such as \ud800 alone is half a character: JSON lets it pass, UTF-8 and Parquet do not.
            json.dumps(row, ensure_ascii=False).encode("utf-8")
        except json.JSONDecodeError as error:
            raise CorpusError(f"{place} is not JSON ({error.msg}): write one JSON object a line.") from error
        except UnicodeEncodeError as error:
            raise CorpusError(f"{place} has half of a surrogate pair: remove it.") from error
        if not isinstance(row, dict):
            raise CorpusError(f"{place} is not a JSON object: write one JSON object a line.")
        yield place, row


def _parquet_rows(path: Path, text: str) -> Iterator[Row]:
    try:
        names = pq.read_schema(path).names
        # Without the text column all are read, for the error to name them.
        columns = [name for name in names if name in (text, *EXTRAS)] if text in names else None
        rows = pq.read_table(path, columns=columns).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise CorpusError(f"{path} is damaged or not a Parquet file ({error}): replace it.") from error
    for number, row in enumerate(rows):
        yield f"{path}, row {number}", row
