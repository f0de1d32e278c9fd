"""Run a command and measure the processes that it is: time, processor time and peak memory. Linux only."""

import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

INTERVAL = 0.02
"""Seconds between two looks at the memory: what is allocated and freed again in between is not seen."""
FAMILY_EVERY = 10
"""Looks between two searches for child processes, which read all of /proc."""
FIELDS = re.compile(r"^(VmHWM|VmRSS|RssAnon):\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True)
class Usage:
    """What a command took, in seconds and bytes.

    Attributes:
        seconds: from its start to its end.
        cpu_seconds: of all its processes, user and system.
        peak_rss: most memory resident at one time, files that are mapped into memory included.
        peak_anonymous: the same without mapped files (RssAnon): what the system cannot drop and read again.
    """

    seconds: float
    cpu_seconds: float
    peak_rss: int
    peak_anonymous: int


@dataclass
class MemoryWatch:
    """The peaks of a process and its descendants, look by look."""

    pid: int
    peak_rss: int = 0
    peak_anonymous: int = 0
    _family: list[int] = field(default_factory=list)
    _looks: int = 0

    def look(self) -> None:
        """Take in the memory as it is now; processes that have ended count nothing."""
        if self._looks % FAMILY_EVERY == 0:
            self._family = [self.pid, *_descendants(self.pid)]
        self._looks += 1
        found = [memory for memory in map(_memory, self._family) if memory]
        # The system remembers the peak of each process, also between looks; of their sum it does not.
        highest = max((memory["VmHWM"] for memory in found), default=0)
        self.peak_rss = max(self.peak_rss, highest, sum(memory["VmRSS"] for memory in found))
        self.peak_anonymous = max(self.peak_anonymous, sum(memory["RssAnon"] for memory in found))


def run(command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> Usage:
    """Run a command to its end, its output in `log`.

    Args:
        environment: variables on top of this process's own.

    Raises:
        RuntimeError: the command failed; the message ends with its last lines.
    """
    with open(log, "wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})}
        )
        try:
            watch, status, spent = _follow(process.pid)
        except BaseException:
            process.kill()
            process.wait()
            raise
        seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        last = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])
        raise RuntimeError(f"Ended with {process.returncode}: {' '.join(command)}\n{last}")
    return Usage(seconds, spent.ru_utime + spent.ru_stime, watch.peak_rss, watch.peak_anonymous)


def _follow(pid: int):
    """Watch a child process until it ends: its watch, exit status and resource usage."""
    watch = MemoryWatch(pid)
    while True:
        watch.look()
        ended, status, spent = os.wait4(pid, os.WNOHANG)
        if ended:
            return watch, status, spent
        time.sleep(INTERVAL)


def _descendants(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _memory(pid: int) -> dict[str, int] | None:
    """The fields of /proc/pid/status in bytes; None for a process that is gone, or dead and not waited for."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    found = {name: int(kilobytes) * 1024 for name, kilobytes in FIELDS.findall(status)}
    return found if len(found) == 3 else None
