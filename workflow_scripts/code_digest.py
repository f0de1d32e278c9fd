"""Digest of the code behind a step, so that the workflow reruns what a changed formula touches, and nothing else.

The digest covers the syntax trees of a module and of all modules of this package that it imports, at any depth, and the
package data those modules name in a top-level tuple `PACKAGE_DATA`. Comments, blank lines, docstrings and the version label
do not count. Registries import by name, so the chosen entry is passed as a further root.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = __name__.partition(".")[0]
ROOT = Path(__file__).parent


def code_of(*modules: str) -> str:
    """Digest of the named modules ("prune_model", "pruning.methods.wanda") and of all they import within the package.

    Raises:
        ValueError: there is no such module.
    """
    digest = hashlib.sha256()
    for name in sorted(reachable(*(f"{PACKAGE}.{module}" for module in modules))):
        digest.update(f"{name}\n{_fingerprint(name)}\n".encode())
    return digest.hexdigest()[:16]


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
        waiting.extend(_imports(name))
    return found


@cache
def _fingerprint(name: str) -> str:
    tree = _tree(name)
    data = "".join(_data_digest(_file(name).parent / entry) for entry in _package_data(tree))
    return hashlib.sha256((ast.dump(_without_labels(tree)) + data).encode()).hexdigest()


@cache
def _imports(name: str) -> frozenset[str]:
    return frozenset(found for found in _imported_names(name) if _file(found) is not None)


def _imported_names(name: str) -> Iterator[str]:
    is_package = _file(name).name == "__init__.py"
    for node in ast.walk(_tree(name)):
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


def _file(name: str) -> Path | None:
    package, *rest = name.split(".")
    if package != PACKAGE:
        return None
    path = ROOT.joinpath(*rest)
    for candidate in (path.with_suffix(".py") if rest else None, path / "__init__.py"):
        if candidate is not None and candidate.is_file():
            return candidate
    return None


def _tree(name: str) -> ast.Module:
    return ast.parse(_file(name).read_text(encoding="utf-8"))


def _package_data(tree: ast.Module) -> tuple[str, ...]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "PACKAGE_DATA":
            return ast.literal_eval(node.value)
    return ()


def _data_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _without_labels(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and _has_docstring(
            node
        ):
            node.body = node.body[1:]
    tree.body = [node for node in tree.body if not _is_version(node)]
    return tree


def _has_docstring(node: ast.AST) -> bool:
    first = node.body[0] if node.body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)


def _is_version(node: ast.AST) -> bool:
    return isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__version__"
