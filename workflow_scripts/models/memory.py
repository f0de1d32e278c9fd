"""How much memory this process may take."""

import ctypes
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import humanfriendly
import psutil

UNLIMITED = 2**60
"""Bytes from which on a limit of a control group means none."""


def parse_memory(text: str) -> int | None:
    """Bytes of a size such as `8 GiB` or `800 MB`; None for `auto`.

    Raises:
        ValueError: the text is no size.
    """
    if text == "auto":
        return None
    try:
        if text.strip()[-1:].isalpha() and (size := humanfriendly.parse_size(text)) > 0:
            return size
    except humanfriendly.InvalidSize:
        pass
    shown = text if text.isprintable() and text.strip() else repr(text)
    raise ValueError(f"{shown} is no amount of memory; write auto, or an amount with its unit such as 8 GiB")


def available_memory() -> int:
    """Bytes that are not used at the moment, or the limit of the control group or of the SLURM job where that is lower."""
    limits = [psutil.virtual_memory().available, memory_limit(), granted_memory()]
    return min(limit for limit in limits if limit is not None)


def granted_memory(environment: Mapping[str, str] = os.environ) -> int | None:
    """What SLURM gave to the job that this process is in, in bytes; None outside a job, or where it has all of the node.

    Not every cluster holds its jobs to it, but others count on what this one did not ask for.
    """
    if "SLURM_JOB_ID" not in environment:
        return None
    megabytes = int(environment.get("SLURM_MEM_PER_NODE", 0))
    if not megabytes:
        megabytes = int(environment.get("SLURM_MEM_PER_CPU", 0)) * int(environment.get("SLURM_CPUS_ON_NODE", 1))
    return megabytes * 2**20 or None


def give_back() -> None:
    """Return freed memory to the system: glibc keeps it, in pieces of which a model's next block does not fit into all."""
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "malloc_trim"):
        library.malloc_trim(0)


def memory_limit(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int | None:
    """Lowest limit of the control groups that this process is in, in bytes; None where there is none.

    Args:
        root: where control groups are mounted.
        own: the file that names those of this process.
    """
    limits = [_read_limit(root / "memory" / "memory.limit_in_bytes")]
    if own.is_file():
        for line in own.read_text().splitlines():
            group = root / line.split(":", 2)[2].lstrip("/")
            limits += [
                _read_limit(place / "memory.max") for place in (group, *group.parents) if place.is_relative_to(root)
            ]
    known = [limit for limit in limits if limit is not None and limit < UNLIMITED]
    return min(known, default=None)


def _read_limit(file: Path) -> int | None:
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
