"""How the process of a step begins: before its imports, and after them. All of it saves time or memory, none changes a result."""

import ctypes
import gc
import os
import sys

COLLECTION = gc.get_threshold()
"""Python's own thresholds of garbage collection."""

M_ARENA_MAX = -8
"""glibc's number for the most heaps of a process."""


def begin() -> None:
    """Before torch is imported, or it comes too late."""
    # Importing torch and transformers makes 600,000 objects that stay: to look for garbage among them took a second.
    gc.set_threshold(1_000_000)
    # For tensors of 2 MB and more torch asks for large pages, where the system gives them to those who ask.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    # One heap for all threads: with one for each, what one has freed is of no use to the others.
    call_glibc("mallopt", M_ARENA_MAX, 1)


def call_glibc(function: str, *arguments: int) -> None:
    """Call a function that glibc has, on Linux; nothing elsewhere."""
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), function):
        getattr(library, function)(*arguments)


def imports_done() -> None:
    """What was imported is never garbage: to look for it there, at the latest when Python ends, takes a second."""
    gc.freeze()
    gc.set_threshold(*COLLECTION)
