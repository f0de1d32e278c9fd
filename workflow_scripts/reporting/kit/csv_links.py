"""Tables as CSV (RFC 4180, UTF-8) within the page: a link holds the file, so that it works offline and without scripts."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

import polars as pl

# A page stays of a size that a phone opens, and a browser follows the link.
LARGEST = 1_000_000


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table as CSV; numbers in full precision, nothing for None."""
    buffer = io.StringIO()
    # The module's own default is RFC 4180: commas, quotes doubled, lines that end with CR LF.
    writer = csv.writer(buffer)
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()


def csv_link(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table as the target of a link that downloads it."""
    return "data:text/csv;charset=utf-8," + quote(csv_text(header, rows), safe=",.-_/():+")


def frame_link(table: pl.DataFrame) -> str | None:
    """As `csv_link`; None where the file would be larger than `LARGEST`."""
    if table.estimated_size() > 20 * LARGEST:
        return None
    link = csv_link(table.columns, table.iter_rows())
    return link if len(link) <= LARGEST else None
