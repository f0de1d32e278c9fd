"""Scratch of the machine that a job runs on: quicker to reach than the folder of the results, and seen from nowhere else.

An environment variable names it, for it belongs to the machine and not to the study. What goes there can be lost at any time.
"""

import os
import re
import shutil
from hashlib import sha256
from logging import getLogger
from pathlib import Path

from tqdm import tqdm

from workflow_scripts.models.copies import LOCK, SOURCE, alone

logger = getLogger(__name__)

SCRATCH = "POLYPRUNE_SCRATCH"
"""Environment variable: the folder. Variables in it, such as `$TMPDIR`, are those of the machine that the job runs on."""
MODELS = "polyprune-models"
"""In it, the machine's copies of models."""


def scratch_folder() -> Path | None:
    """The machine's scratch, made where it is not there; None where the variable is not set.

    Raises:
        ValueError: it holds a variable that this machine does not have, is no absolute path, or cannot be written to.
    """
    said = os.environ.get(SCRATCH, "")
    if not said:
        return None
    folder = Path(os.path.expandvars(said))
    unknown = re.findall(r"\$\{?\w+\}?", str(folder))
    if unknown:
        raise ValueError(f"{SCRATCH}={said}: {unknown[0]} is not set on this machine; name a folder that is there.")
    if not folder.is_absolute():
        raise ValueError(f"{SCRATCH}={said} is no absolute path: name a folder of this machine's own disk.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{SCRATCH}={said} cannot be made ({error.strerror}): name another, or none.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"{SCRATCH}={said} cannot be written to: name another folder, or none.")
    return folder


def nearby(directory: Path) -> Path:
    """The machine's own copy of a checkpoint directory in its scratch, where there is a scratch with room for it.

    The first job on a machine makes it, and the others wait for it: a model is read over the network once. A copy is known by
    the directory and the sizes and times of its files. Without scratch the directory itself.
    """
    scratch = scratch_folder()
    if scratch is None:
        return directory
    files = _files(directory)
    models = scratch / MODELS
    models.mkdir(mode=0o700, exist_ok=True)
    stamp = sha256(f"{directory.resolve()} {sorted(files.items())}".encode()).hexdigest()[:16]
    copy = models / f"{directory.name}-{stamp}"
    part = models / f".{copy.name}.part"
    with alone(models / f".{copy.name}.lock"):
        # Its times may be coarser than the original's, which are in its name.
        if copy.is_dir() and _sizes(_files(copy)) == _sizes(files):
            return copy
        # What the machine's own cleaning, or a job that was killed, has left of it.
        for rest in (copy, part):
            shutil.rmtree(rest, ignore_errors=True)
        size = sum(_sizes(files).values())
        if not _has_room(models, size):
            return directory
        logger.info("copying the model, %.2f GB, to %s", size / 1e9, models)
        part.mkdir()
        for name in tqdm(sorted(files), desc="files to scratch", unit="file", disable=None):
            shutil.copy2(directory / name, part / name)
        part.rename(copy)
    return copy


def _files(directory: Path) -> dict[str, tuple[int, int]]:
    """Name of a checkpoint's file -> its size in bytes and time of change in nanoseconds."""
    found = {
        path.name: path.stat() for path in directory.iterdir() if path.name not in (LOCK, SOURCE) and path.is_file()
    }
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in found.items()}


def _sizes(files: dict[str, tuple[int, int]]) -> dict[str, int]:
    return {name: size for name, (size, _) in files.items()}


def _has_room(folder: Path, size: int) -> bool:
    """Whether so many bytes fit on a folder's disk; a warning where they do not."""
    free = shutil.disk_usage(folder).free
    if free <= size:
        logger.warning(
            "%s has %.2f GB free, and the model takes %.2f GB: it is read where it is", folder, free / 1e9, size / 1e9
        )
    return free > size
