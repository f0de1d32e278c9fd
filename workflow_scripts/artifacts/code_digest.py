"""Digest of the code behind a step, so that the workflow reruns what a changed formula touches, and nothing else.

The digest covers the syntax trees of a module and of all modules of this package that it imports, at any depth, the
package data those modules name in a top-level tuple `PACKAGE_DATA`, and the versions of the libraries that decide what
they compute. Comments, blank lines, imports for type checkers and the version label do not count, nor does a string that
is a statement by itself: a docstring, of an attribute or constant as well. Registries import by name, so the chosen entry
is passed as a further root.
"""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGE = __name__.partition(".")[0]
ROOT = Path(__file__).parents[1]
LIBRARIES = {
    "datasets": ("datasets",),
    "fontTools": ("fonttools",),
    "gguf": ("gguf",),
    "jinja2": ("jinja2",),
    "matplotlib": ("matplotlib",),
    "numpy": ("numpy",),
    "polars": ("polars",),
    "scipy": ("scipy",),
    "statsmodels": ("statsmodels",),
    "torch": ("torch",),
    "transformers": ("tokenizers", "transformers"),
}
"""Import -> the distributions behind it that decide numbers, texts or pictures. Those that only carry them (pyarrow,
safetensors), or that the workflow itself is made with, are left out: a new version of them makes no result another one."""


@cache
def code_of(*modules: str) -> str:
    """Digest of the named modules ("steps.prune_model", "pruning.methods.wanda") and of all they import within the package.

    Raises:
        ValueError: there is no such module.
    """
    digest = hashlib.sha256()
    found = reachable(*(f"{PACKAGE}.{module}" for module in modules))
    for name in sorted(found):
        digest.update(f"{name}\n{_read(name).fingerprint}\n".encode())
    for library, installed in _libraries(found).items():
        digest.update(f"{library}=={installed}\n".encode())
    return digest.hexdigest()[:16]


@cache
def libraries_of(*modules: str) -> dict[str, str]:
    """Library -> installed version, sorted, of those that decide what the named modules compute; "absent" if not there.

    Raises:
        ValueError: there is no such module.
    """
    return _libraries(reachable(*(f"{PACKAGE}.{module}" for module in modules)))


def _libraries(found: set[str]) -> dict[str, str]:
    imported = set().union(*(_read(name).foreign for name in found))
    return {library: _version(library) for entry in sorted(imported) for library in LIBRARIES.get(entry, ())}


def reachable(*names: str) -> set[str]:
    """Absolute names of the modules themselves, of their packages, and of all they import within the package."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        if _file(name) is None:
            raise ValueError(f"There is no module {name} in the package {PACKAGE}.")
        found.add(name)
        waiting.extend(name.rpartition(".")[:1] if "." in name else ())
        waiting.extend(_read(name).imports)
    return found


@dataclass(frozen=True)
class _Module:
    """What counts of a module.

    Attributes:
        fingerprint: digest of its code and of the package data that it names.
        imports: modules of the package that it imports.
        foreign: top-level modules of other packages that it imports.
    """

    fingerprint: str
    imports: frozenset[str]
    foreign: frozenset[str]


@cache
def _read(name: str) -> _Module:
    # All at once: to parse a module takes longer than anything that is done with it.
    tree = ast.parse(_file(name).read_text(encoding="utf-8"))
    imported = set(_imported_names(name, tree))
    data = "".join(_data_digest(_file(name).parent / entry) for entry in _package_data(tree))
    return _Module(
        hashlib.sha256((ast.dump(_without_labels(tree)) + data).encode()).hexdigest(),
        frozenset(found for found in imported if _file(found) is not None),
        frozenset(found.partition(".")[0] for found in imported) - {PACKAGE},
    )


@cache
def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        # The workflow runs elsewhere than its steps, whose environment is then a trigger of its own.
        return "absent"


def _imported_names(name: str, tree: ast.Module) -> Iterator[str]:
    is_package = _file(name).name == "__init__.py"
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = name.split(".")
                anchor = parts[: len(parts) - node.level + is_package]
                base = ".".join([*anchor, base] if base else anchor)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements within a node, but those that only type checkers read."""
    for block in _blocks(node):
        for child in block:
            if not (isinstance(child, ast.If) and getattr(child.test, "id", "") == "TYPE_CHECKING"):
                yield child
                yield from _statements(child)


def _blocks(node: ast.AST) -> Iterator[list[ast.AST]]:
    """The lists of statements, exception handlers and cases right within a node: expressions, most of a tree, have none."""
    for field in ("body", "handlers", "orelse", "finalbody", "cases"):
        if isinstance(block := getattr(node, field, None), list):
            yield block


def _file(name: str) -> Path | None:
    package, *rest = name.split(".")
    if package != PACKAGE:
        return None
    path = ROOT.joinpath(*rest)
    for candidate in (path.with_suffix(".py") if rest else None, path / "__init__.py"):
        if candidate is not None and candidate.is_file():
            return candidate
    return None


def _package_data(tree: ast.Module) -> tuple[str, ...]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "PACKAGE_DATA":
            return ast.literal_eval(node.value)
    return ()


def _data_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _without_labels(tree: ast.Module) -> ast.Module:
    _drop_strings(tree)
    tree.body = [node for node in tree.body if not _is_version(node)]
    return tree


def _drop_strings(node: ast.AST) -> None:
    """Take away every statement that is a string and nothing more, which computes nothing wherever it stands."""
    for block in _blocks(node):
        block[:] = [child for child in block if not _is_string(child)]
        for child in block:
            _drop_strings(child)


def _is_string(node: ast.AST) -> bool:
    value = getattr(node, "value", None) if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _is_version(node: ast.AST) -> bool:
    return isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__version__"
