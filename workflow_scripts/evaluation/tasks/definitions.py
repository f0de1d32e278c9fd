"""Tasks as files: lm-eval's YAML, what it includes, and the data that it reads. Imports neither lm-eval nor datasets.

The workflow depends on these files, and mistakes in them are said before any job.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

SCORED = ("multiple_choice", "generate_until", "loglikelihood")
"""Output types of tasks whose items can be answered right or wrong."""


class TaskError(ValueError):
    """A task that cannot be asked; the message says what is wrong and how to mend it."""


@dataclass(frozen=True)
class Function:
    """`!function module.name` in a definition."""

    name: str


class _Loader(yaml.SafeLoader):
    """YAML with `!function`, which is not followed."""


_Loader.add_constructor("!function", lambda loader, node: Function(loader.construct_scalar(node)))


@dataclass(frozen=True)
class Definition:
    """A task's definition, what it includes merged.

    Attributes:
        keys: the merged keys.
        files: the definition itself, and the files that it includes and takes functions from.
    """

    keys: dict[str, Any]
    files: tuple[Path, ...]


def builtin(definition: str) -> list[Path]:
    """Definitions below lm-eval's folder of tasks, sorted; of one task, or with an asterisk of several subjects.

    Raises:
        TaskError: lm-eval is not installed, or has no such task.
    """
    package = find_spec("lm_eval")
    if package is None:
        raise TaskError("lm-eval is not installed: install envs/requirements.txt")
    folder = Path(package.submodule_search_locations[0], "tasks")
    found = sorted(path for path in folder.glob(definition) if isinstance(read_definition(path).keys.get("task"), str))
    if not found:
        raise TaskError(f"the installed lm-eval has no task {definition}: install envs/requirements.txt")
    return found


def read_definition(path: Path, above: tuple[Path, ...] = ()) -> Definition:
    """The keys of a task's YAML over those of the files that it includes.

    Raises:
        TaskError: a file is not there, is no YAML mapping, or includes itself.
    """
    if path.resolve() in above:
        raise TaskError(f"{path.name} includes itself; remove the include")
    try:
        keys = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError:
        raise TaskError(f"there is no file {path}; write the path from the folder that you start in") from None
    except OSError as error:
        raise TaskError(f"{path} cannot be read ({error.strerror}); name a YAML file") from None
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise TaskError(f"{path} is not YAML ({(str(error).splitlines() or ['?'])[0]}); mend it") from None
    if not isinstance(keys, dict):
        raise TaskError(f"{path} is no task of lm-eval: it has no keys; write task, dataset_path, output_type ...")
    merged: dict[str, Any] = {}
    files = [path, *_modules(keys, path.parent)]
    includes = _listed(keys.pop("include", None) or [])
    if not all(isinstance(included, str) for included in includes):
        raise TaskError(f"{path} has an include that is neither a file name nor a list of them; mend it")
    for included in includes:
        below = read_definition(path.parent / included, (*above, path.resolve()))
        merged |= below.keys
        files += below.files
    return Definition(merged | keys, tuple(dict.fromkeys(files)))


def read_own_task(path: Path) -> Definition:
    """The definition of a task of a user's.

    Raises:
        TaskError: see `read_definition`; or it defines no task whose items can be scored; or its data are not there.
    """
    definition = read_definition(path)
    keys = definition.keys
    if "group" in keys or "class" in keys or not isinstance(keys.get("task"), str):
        raise TaskError(f"{path} is no single task of lm-eval; name the YAML of one task, with the key task")
    if (kind := keys.get("output_type", "generate_until")) not in SCORED:
        raise TaskError(
            f"{path} has the output_type {kind}, whose items are not scored; use one of {', '.join(SCORED)}"
        )
    if not isinstance(keys.get("dataset_kwargs") or {}, dict):
        raise TaskError(f"{path} has dataset_kwargs that are no mapping; write names and values below it")
    if "dataset_path" not in keys and "custom_dataset" not in keys:
        raise TaskError(f"{path} names no data; add dataset_path, such as json with dataset_kwargs.data_files")
    own_data(keys, path.parent)
    return definition


def task_inputs(file: str | None, data: str | None, definition: str) -> list[Path]:
    """All files that a user gave for a task in one language: its definition and data, or the data of a family's.

    Args:
        file: the definition of a task of the user's.
        data: folder in place of the hub's data set.
        definition: of a family's task, below lm-eval's folder of tasks.

    Raises:
        TaskError: see `read_own_task`, `builtin` and `hub_files`.
    """
    try:
        if file:
            own = read_own_task(Path(file))
            return list(dict.fromkeys([*own.files, *own_data(own.keys, Path(file).parent)]))
        if not data:
            return []
        return hub_files(Path(data), read_definition(builtin(definition)[0]).keys.get("dataset_name"))
    except TaskError:
        raise
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        # A name that no file can have, or a value of another kind than lm-eval's form has there.
        raise TaskError(f"{file or data} cannot be read as a task of lm-eval ({error}); mend it") from None


def own_data(keys: dict[str, Any], folder: Path) -> list[Path]:
    """The local files that a definition names as its data; none for a data set of the hub.

    Args:
        keys: of the definition.
        folder: where it stands; paths that are not there from the working directory count from here.

    Raises:
        TaskError: a file is not there.
    """
    named = (keys.get("dataset_kwargs") or {}).get("data_files")
    found = []
    for name in _strings(named):
        if "://" in name:
            continue
        paths = _matching(located(name, folder))
        if not paths:
            raise TaskError(f"there are no data {name}, neither from the folder that you start in nor beside the YAML")
        found += paths
    if named is None and (repository := own_repository(keys, folder)):
        found += hub_files(repository, keys.get("dataset_name"))
    return list(dict.fromkeys(found))


def own_repository(keys: dict[str, Any], folder: Path) -> Path | None:
    """The folder that a definition names as its data set, None where it names a data set of the hub, or files."""
    path = keys.get("dataset_path")
    if (keys.get("dataset_kwargs") or {}).get("data_files") or not isinstance(path, str):
        return None
    return found if (found := located(path, folder)).is_dir() else None


def with_data_located(named: Any, folder: Path) -> Any:
    """`data_files` with every path as it is found, see `own_data`."""
    if isinstance(named, dict):
        return {key: with_data_located(value, folder) for key, value in named.items()}
    if isinstance(named, list):
        return [with_data_located(value, folder) for value in named]
    return str(located(named, folder)) if isinstance(named, str) and "://" not in named else named


def located(name: str, folder: Path) -> Path:
    """A path from the working directory, or from a folder where only that is there."""
    return Path(name) if _matching(Path(name)) or not _matching(folder / name) else folder / name


def hub_files(folder: Path, configuration: str | None) -> list[Path]:
    """The data of one configuration in a folder laid out like a data set's repository on the hub.

    The README.md there says which files belong to a configuration, as on the hub; without one, all files do.

    Raises:
        TaskError: there is no such folder, or no file of the configuration in it.
    """
    if not folder.is_dir():
        raise TaskError(f"there is no folder {folder}; name one laid out like the data set's repository on the hub")
    patterns = _configured(folder / "README.md", configuration) or ["**/*"]
    try:
        found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    except (ValueError, NotImplementedError) as error:
        raise TaskError(f"{folder} has a README.md whose data_files are no patterns ({error}); mend it") from None
    found = sorted(path for path in found if path.name != "README.md" and not path.name.startswith("."))
    if not found:
        raise TaskError(
            f"{folder} has no data of {configuration or 'the data set'}; lay it out like the repository on the hub"
        )
    return found


def _configured(readme: Path, configuration: str | None) -> list[str]:
    """Patterns of a configuration's files, from the metadata at the head of a README.md."""
    text = readme.read_text(encoding="utf-8", errors="replace") if readme.is_file() else ""
    if not text.startswith("---"):
        return []
    try:
        metadata = yaml.safe_load(text.split("---")[1]) or {}
        entries = {entry.get("config_name", "default"): entry for entry in metadata.get("configs", [])}
    except (AttributeError, TypeError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise TaskError(f"{readme} has metadata that cannot be read ({error}); write them as on the hub") from None
    if entries and (configuration or "default") not in entries:
        raise TaskError(f"{readme} has no configuration {configuration}; add it under configs, as on the hub")
    entry = entries.get(configuration or "default", {})
    base = entry.get("data_dir", "")
    patterns = [str(Path(base, name)) for name in _strings(entry.get("data_files"), "path")]
    return patterns or ([f"{base}/**/*"] if base else [])


def _strings(entry: Any, key: str = "") -> Iterator[str]:
    """The texts in lists and mappings; of a mapping that has `key`, those below it alone."""
    if isinstance(entry, str):
        yield entry
    elif isinstance(entry, dict):
        for value in [entry[key]] if key in entry else entry.values():
            yield from _strings(value, key)
    elif isinstance(entry, list):
        for value in entry:
            yield from _strings(value, key)


def _matching(path: Path) -> list[Path]:
    """The files of a path, which may be a pattern."""
    if "*" not in str(path):
        return [path] if path.exists() else []
    return (
        sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
        if path.anchor
        else sorted(Path().glob(str(path)))
    )


def _listed(entry: Any) -> list[Any]:
    return entry if isinstance(entry, list) else [entry]


def _modules(keys: dict[str, Any], folder: Path) -> Iterator[Path]:
    """The files beside a definition that its functions stand in."""
    waiting: list[Any] = [keys]
    seen: set[int] = set()
    while waiting:
        entry = waiting.pop()
        # An anchor may stand in what it names.
        if id(entry) in seen:
            continue
        seen.add(id(entry))
        if isinstance(entry, Function):
            module = folder / f"{entry.name.rpartition('.')[0].replace('.', '/')}.py"
            if module.is_file():
                yield module
        elif isinstance(entry, dict | list):
            waiting += entry.values() if isinstance(entry, dict) else entry
