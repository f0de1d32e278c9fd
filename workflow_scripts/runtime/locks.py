"""Which run of Snakemake works in a folder: one at a time may."""

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

HARMLESS = re.compile(
    r"-[a-zA-Z]*n\w*|--dry-?run|--unlock|--lint.*|--report.*|--(detailed-)?summary|-[DShlv]|--(d3)?dag.*|--(rule|file)graph.*|"
    r"--list.*|--help|--version|--touch|-t"
)
"""Options with which Snakemake starts no job, and takes no lock that another run holds."""


def another_run(folder: Path, words: Sequence[str]) -> str:
    """That a run works in a folder, in a sentence, for one that is started there beside it; empty where it may go on.

    Args:
        folder: where both work.
        words: the command line of the new one.
    """
    called = Path(words[0])
    # As a script, or as python -m snakemake.
    if "snakemake" not in (called.name, called.parent.name) or any(HARMLESS.fullmatch(word) for word in words[1:]):
        return ""
    locked = next((folder / ".snakemake" / "locks").glob("*"), None)
    own = {process.pid for process in psutil.Process().parents()}
    running = [number for number in controllers(folder) if number not in own] if locked else []
    try:
        since = time.strftime("%d %B %H:%M", time.localtime(psutil.Process(running[0]).create_time()))
    except (IndexError, psutil.NoSuchProcess):
        return ""
    return (
        f"A run already works in this folder: process {running[0]} of this machine, since {since}. Wait for it "
        f"(python -m workflow_scripts progress says how far it is), or stop it with kill -TERM {running[0]}; do not unlock "
        "the folder meanwhile."
    )


def controllers(folder: Path) -> list[int]:
    """The processes of Snakemake on this machine that work in a folder and are no job of a cluster's, nor this one."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        try:
            line = process.info["cmdline"] or []
            if process.pid != os.getpid() and is_controller(line) and Path(process.cwd()) == folder.resolve():
                found.append(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            # Gone meanwhile, or another user's.
            continue
    return found


def is_controller(line: list[str]) -> bool:
    """Whether a command line is that of a run, and not of one of its jobs, which are told their mode."""
    called = line[1:3] == ["-m", "snakemake"] or any(Path(word).name == "snakemake" for word in line[:2])
    return called and "--mode" not in line
