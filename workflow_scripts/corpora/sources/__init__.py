"""Where documents come from: a registry that imports only the source that is asked for.

A source is a module with

- `Options`: a frozen dataclass, its settings in plain JSON-like types;
- `read(language, options) -> Iterator[Document]`: documents of one language, split and in the order of drawing;
- `input_files(language, options) -> list[Path]`: the files that `read` reads, for a workflow to depend on.
"""

from importlib import import_module
from types import ModuleType

KINDS = ("embedded", "hub", "local")


def get_source(kind: str) -> ModuleType:
    """The module of a source by its kind; raises ValueError for a kind that does not exist."""
    if kind not in KINDS:
        raise ValueError(f"There is no source of documents {kind!r}: take one of {', '.join(KINDS)}.")
    return import_module(f"{__name__}.{kind}")
