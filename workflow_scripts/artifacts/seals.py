"""Seals: the SHA-256 of a file, written into the file itself, so that any change of any byte is found from the file alone.

A format's own checks leave gaps: Parquet's page checksums do not cover its footer, safetensors has none, and neither
notices an editor who writes a valid file. A seal is the word `self-sha256:` and the digest of all bytes, with zeros in
place of the digest.
"""

import hashlib
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

MARK = b"self-sha256:"
DIGITS = 64
PIECE = 2**20
OPEN = (MARK + b"0" * DIGITS).decode()
"""What a writer leaves in the file for `seal` to fill in."""


def seal(path: Path) -> None:
    """Fill in the seal that a file was written with.

    Raises:
        ValueError: the file has none.
    """
    at = _digest_at(path)
    if at is None:
        raise ValueError(f"{path} was written without a seal.")
    digest = _digest_without(path, at)
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(digest.encode())


def is_sealed(path: Path) -> bool:
    """Whether a file has a seal, broken or not."""
    return _digest_at(path) is not None


def is_whole(path: Path) -> bool:
    """Whether a file has a seal, and holds byte for byte what was sealed."""
    at = _digest_at(path)
    if at is None:
        return False
    with open(path, "rb") as file:
        file.seek(at)
        written = file.read(DIGITS)
    return written == _digest_without(path, at).encode()


def _digest_at(path: Path) -> int | None:
    """Where the digest stands: after the mark that is next to the end of a Parquet file, or to the start of any other."""
    with open(path, "rb") as file:
        if not path.stat().st_size:
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            mark = content.rfind(MARK) if content[:4] == b"PAR1" else content.find(MARK)
            at = mark + len(MARK)
            return None if mark < 0 or at + DIGITS > len(content) else at


def _digest_without(path: Path, at: int) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        # In pieces: of a file mapped to memory, all that was read would count as memory of the process.
        for piece in _pieces(file, at):
            digest.update(piece)
        digest.update(b"0" * DIGITS)
        file.seek(at + DIGITS)
        for piece in _pieces(file, path.stat().st_size - at - DIGITS):
            digest.update(piece)
    return digest.hexdigest()


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The next `size` bytes, PIECE at a time."""
    while size > 0 and (piece := file.read(min(size, PIECE))):
        yield piece
        size -= len(piece)
