"""Dense copies: the weights of packaged and GGUF models, which a study may drop after a run and which a later run restores.

A copy is polyprune's own file, several GB for a GGUF of a few hundred MB. Models of a directory or of the hub are links to
the user's files; they are no copies, and nothing here touches them. Imports no torch, for the workflow reads it too.
"""

import fcntl
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COPIED = ("packaged", "gguf")
"""Kinds of sources whose weights are copied."""

SOURCE = "source.gguf"
"""Link beside the record to the user's GGUF file, from which a dropped copy is restored."""

LOCK = ".restore.lock"
"""Held while a dropped copy is restored."""

WEIGHTS = "*.safetensors"


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """One process of this machine at a time inside: the others wait, and go on when it has ended, however it did."""
    with open(lock, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def link_source(gguf: Path, directory: Path) -> None:
    """Leave a link to a GGUF file beside the copy made of it."""
    (directory / SOURCE).symlink_to(gguf.resolve())


def drop_weights(record: Path) -> int:
    """Delete the weights of a copy; record, configuration and tokenizer stay. Returns the bytes freed.

    Nothing happens to a model that is no copy, to links, and to a model that is not there.
    """
    if not record.is_file() or not is_copy(record):
        return 0
    freed = 0
    for path in record.parent.glob(WEIGHTS):
        if not path.is_symlink():
            freed += path.stat().st_size
            path.unlink()
    return freed


def is_copy(record: Path) -> bool:
    """Whether the weights beside a record are polyprune's own copy of a source that is elsewhere."""
    return json.loads(record.read_text(encoding="utf-8"))["source"]["kind"] in COPIED


def is_dropped(directory: Path) -> bool:
    """Whether the weights of a copy, or some of its shards, are gone."""
    record = directory / "provenance.json"
    if not record.is_file() or not is_copy(record):
        return False
    index = directory / "model.safetensors.index.json"
    if index.is_file():
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        return not all((directory / shard).is_file() for shard in shards)
    return not any(directory.glob(WEIGHTS))


def restore_weights(directory: Path) -> None:
    """Make the dropped weights of a copy anew; nothing where they are there.

    In a process of its own, whose memory is given back before the model is loaded. Restored weights are those of the
    record, tensor by tensor, whatever the code that restores them: it does not count for the digest of a step's code.

    Raises:
        ValueError: they cannot be restored; the message says why.
    """
    if not is_dropped(directory):
        return
    command = [
        sys.executable,
        "-m",
        "workflow_scripts.steps.restore_model",
        "--record",
        str(directory / "provenance.json"),
    ]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise ValueError(f"The weights of {directory.name} cannot be restored: {done.stderr.strip().splitlines()[-1]}")
