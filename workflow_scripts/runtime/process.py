"""How the process of a step begins: before its imports, and after them. All of it saves time or memory, none changes a result.

It is for what runs as `python -m workflow_scripts.steps.<step>`. A process that imports the package is its owner's.
"""

import ctypes
import gc
import os
import sys

COLLECTION = gc.get_threshold()
"""Python's own thresholds of garbage collection."""
AMONG_IMPORTS = 1_000_000
"""The first of them until the imports are done."""

M_ARENA_MAX = -8
"""glibc's number for the most heaps of a process."""


def started_as(package: str) -> bool:
    """Whether Python was started as `python -m package.module`, and is looking for that module."""
    # As long as it does, the first argument is "-m". All others are also the last of Python's own, after the module's name.
    return sys.argv[:1] == ["-m"] and sys.orig_argv[-len(sys.argv)].removeprefix("-m").partition(".")[0] == package


def begin() -> None:
    """Before torch is imported, or it comes too late."""
    # Importing torch and transformers makes 600,000 objects that stay: to look for garbage among them took a second.
    gc.set_threshold(AMONG_IMPORTS)
    # For tensors of 2 MB and more torch asks for large pages, where the system gives them to those who ask.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    # One heap for all threads: with one for each, what one has freed is of no use to the others.
    call_glibc("mallopt", M_ARENA_MAX, 1)


def call_glibc(function: str, *arguments: int) -> None:
    """Call a function that glibc has, on Linux; nothing elsewhere."""
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), function):
        getattr(library, function)(*arguments)


def imports_done() -> None:
    """What was imported is never garbage: to look for it there, at the latest when Python ends, takes a second.

    Nothing where `begin` was not called, or a second time.
    """
    if gc.get_threshold()[0] == AMONG_IMPORTS:
        gc.freeze()
        gc.set_threshold(*COLLECTION)
