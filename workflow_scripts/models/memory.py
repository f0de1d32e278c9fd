"""How much memory this process may take."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import humanfriendly
import psutil

from workflow_scripts.runtime.process import call_glibc

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
    """Bytes that this process may take beside what it holds: what is unused at the moment, or what the limit of its control
    group or of its SLURM job leaves where that is less."""
    limits = [limit - held_memory() for limit in (memory_limit(), granted_memory()) if limit is not None]
    return min([psutil.virtual_memory().available, *limits])


def held_memory() -> int:
    """Bytes that this process holds already: the interpreter, its libraries, and what it has loaded."""
    return psutil.Process().memory_info().rss


def granted_memory() -> int | None:
    """What SLURM gave to the job that this process is in, in bytes; None outside a job, or where SLURM does not say.

    Not every cluster holds its jobs to it, but others count on what this one did not ask for. SLURM's variables do not tell:
    its executor takes them away from the steps of a job.
    """
    job = os.environ.get("SLURM_JOB_ID")
    if not job or shutil.which("scontrol") is None:
        return None
    told = subprocess.run(["scontrol", "show", "job", "--oneliner", job], text=True, capture_output=True).stdout
    found = re.search(r"TRES=\S*\bmem=([\d.]+)([KMGT])", told)
    return int(float(found[1]) * 1024 ** ("KMGT".index(found[2]) + 1)) if found else None


def give_back() -> None:
    """Return freed memory to the system: glibc keeps it, in pieces of which a model's next block does not fit into all."""
    call_glibc("malloc_trim", 0)


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
