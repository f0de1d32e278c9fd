"""Rows of files of the user's: text, JSON lines, tables with commas or tabs, Parquet, each packed by gzip or not.

Whatever bytes a file holds, there come rows, or one error that names the place. Rows are dictionaries.
"""

import codecs
import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

# A place to name in an error ("file, line 3"), and what stands there.
Row = tuple[str, dict[str, Any]]

PACKED = ".gz"
UNPACKED = 2**26
RATIO = 200
"""A packed file is read up to UNPACKED bytes, and beyond that up to RATIO times its own size: text packs to a tenth."""
BLANK_LINES = re.compile("(?:[\n\x85\u2028](?:[^\\S\n\x85\u2028]|[\u200b\u200e\u200f\u2060\ufeff])*){2,}|\u2029")
"""Lines with nothing but blanks of any script, or characters that are not seen; Unicode's own sign between paragraphs."""


class RowsError(ValueError):
    """A file that cannot be read; the message names the place and the remedy."""


class DoubledKeyError(ValueError):
    """A key that an object of JSON has twice, of which the last would count."""


def ending(path: Path) -> str:
    """What a file's name says that it holds, in small letters: ".jsonl" of a.jsonl, A.JSONL and a.jsonl.gz."""
    inner = path.with_suffix("") if path.suffix.lower() == PACKED else path
    found = inner.suffix.lower()
    return "" if found == ".parquet" and inner != path else found


def read_rows(path: Path, text: str, extras: tuple[str, ...], alone: bool) -> Iterator[Row]:
    """The rows of a file.

    Args:
        path: the file, whose ending is one of READERS.
        text: the column that the text of a text file becomes, and that is read of Parquet with `extras`.
        extras: further columns that are read of Parquet.
        alone: whether a text file holds documents between blank lines, and is not one itself.

    Raises:
        RowsError: the file cannot be read, is not what its name says, or unpacks to far more than text does.
    """
    try:
        yield from READERS[ending(path)](path, text, extras, alone)
    except OSError as error:
        raise RowsError(f"{path} cannot be read ({error.strerror or error}): mend or replace it.") from error


def parse_json(line: bytes | str, place: str) -> Any:
    """What a line of JSON says, every text in it whole and no key twice.

    Raises:
        RowsError: it is no JSON, or holds a key twice, a number or a nesting that nothing could be made of, or half a character.
    """
    try:
        value = json.loads(line.decode("utf-8") if isinstance(line, bytes) else line, object_pairs_hook=_object)
        # An escape such as \ud800 alone is half a character: JSON lets it pass, UTF-8 and Parquet do not.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except DoubledKeyError as error:
        raise RowsError(f"{place} has the key {str(error)[:60]!r} twice: keep one.") from error
    except json.JSONDecodeError as error:
        raise RowsError(f"{place} is not JSON ({error.msg}): write one JSON object a line.") from error
    except UnicodeEncodeError as error:
        raise RowsError(f"{place} has half of a surrogate pair: remove it.") from error
    except UnicodeDecodeError as error:
        raise RowsError(f"{place} is not UTF-8 ({error.reason}): convert the file to UTF-8.") from error
    except RecursionError as error:
        raise RowsError(f"{place} nests too deep: write one plain JSON object a line.") from error
    except ValueError as error:
        raise RowsError(f"{place} has a number of too many digits: write it as text.") from error
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise DoubledKeyError(next(key for key in found if keys.count(key) > 1))
    return found


def unpacked(path: Path) -> bytes:
    """The bytes of a file, unpacked if its name says that it is packed.

    Raises:
        RowsError: it is no whole gzip file, or unpacks to far more than text does.
    """
    if path.suffix.lower() != PACKED:
        return path.read_bytes()
    size = path.stat().st_size
    most = max(UNPACKED, RATIO * size)
    if not size:
        raise RowsError(f"{path} is no whole gzip file (it is empty): replace it.")
    content = bytearray()
    try:
        with gzip.open(path) as file:
            while len(content) <= most and (part := file.read(2**20)):
                content += part
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise RowsError(f"{path} is no whole gzip file ({error}): replace it.") from error
    if len(content) > most:
        raise RowsError(f"{path} unpacks to more than {most // 2**20} MiB, which no text does: unpack it yourself.")
    return bytes(content)


def beginning(path: Path, size: int) -> bytes:
    """The first bytes of a file, unpacked if its name says that it is packed; raises as `unpacked`."""
    try:
        with (gzip.open if path.suffix.lower() == PACKED else open)(path, "rb") as file:
            return file.read(size)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise RowsError(f"{path} is no whole gzip file ({error}): replace it.") from error


def _decoded(path: Path) -> str:
    data = unpacked(path).removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RowsError(f"{path}, line {line} is not UTF-8 ({error.reason}): convert the file to UTF-8.") from error


def _text_rows(path: Path, text: str, extras: tuple[str, ...], alone: bool) -> Iterator[Row]:
    content = _decoded(path).strip()
    for part in BLANK_LINES.split(content) if alone else [content]:
        yield str(path), {text: part}


def _json_rows(path: Path, text: str, extras: tuple[str, ...], alone: bool) -> Iterator[Row]:
    # Not splitlines(): a JSON string may hold U+2028 and other characters that it takes for the end of a line.
    for number, line in enumerate(_decoded(path).split("\n"), 1):
        if not line.strip():
            continue
        row = parse_json(line, place := f"{path}, line {number}")
        if not isinstance(row, dict):
            raise RowsError(f"{place} is not a JSON object: write one JSON object a line.")
        yield place, row


def _table_rows(path: Path, text: str, extras: tuple[str, ...], alone: bool) -> Iterator[Row]:
    content = _decoded(path)
    # A document may be longer than the 128 KiB that the module allows a field.
    csv.field_size_limit(max(csv.field_size_limit(), len(content) + 1))
    is_tabs = ending(path) == ".tsv"
    # Between tabs a quotation mark is a letter, but around a whole field.
    form = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if is_tabs else {"strict": True}
    rows = csv.reader(io.StringIO(content, newline=""), **form)
    try:
        header = next((row for row in rows if row), [])
        named = [name for name in header if name]
        if len(header) == 1 and not is_tabs and {";", "\t"} & set(header[0]):
            raise RowsError(f"{path} has other signs than commas between its columns: save it with commas.")
        check_columns(named, text, f"{path}, line {rows.line_num}")
        for row in rows:
            place = f"{path}, line {rows.line_num}"
            if row and len(row) != len(header):
                raise RowsError(
                    f"{place} has {len(row)} fields, and the first line names {len(header)} columns: put texts with "
                    "separators or line breaks in double quotes."
                )
            if row:
                # An empty field is no value.
                values = map(_unquoted, row) if is_tabs else row
                yield place, {name: value or None for name, value in zip(header, values, strict=True) if name}
    except csv.Error as error:
        raise RowsError(f"{path}, line {rows.line_num} is no table row ({error}): mend its quotes.") from error


def check_columns(names: list[str], text: str, place: str) -> None:
    """Raise RowsError where a table has a column twice, or columns and none of the text among them."""
    if len(set(names)) < len(names):
        raise RowsError(f"{place} has the column {max(names, key=names.count)!r} twice: rename one.")
    if names and text not in names:
        columns = ", ".join(sorted(names))
        raise RowsError(f"{place} has no text column {text!r}, only {columns}: set `text` of the corpus.")


def _unquoted(field: str) -> str:
    is_quoted = len(field) > 1 and field[0] == field[-1] == '"'
    return field[1:-1].replace('""', '"') if is_quoted else field


def _parquet_rows(path: Path, text: str, extras: tuple[str, ...], alone: bool) -> Iterator[Row]:
    try:
        check_columns(names := pq.read_schema(path).names, text, str(path))
        rows = pq.read_table(path, columns=[name for name in names if name in (text, *extras)]).to_pylist()
    except RowsError:
        raise
    except UnicodeDecodeError as error:
        raise RowsError(f"{path} holds text that is not UTF-8 ({error.reason}): write it anew from UTF-8.") from error
    except (OSError, ValueError, LookupError, OverflowError, pa.ArrowException) as error:
        raise RowsError(f"{path} is damaged or not a Parquet file ({error}): replace it.") from error
    for number, row in enumerate(rows):
        yield f"{path}, row {number}", row


READERS: dict[str, Callable[[Path, str, tuple[str, ...], bool], Iterator[Row]]] = {
    ".csv": _table_rows,
    ".jsonl": _json_rows,
    ".parquet": _parquet_rows,
    ".tsv": _table_rows,
    ".txt": _text_rows,
}
"""Ending -> reader."""
