"""The study as a file: on which line a key stands, and which keys are written twice.

YAML keeps the last of two equal keys without a word, and a parsed configuration knows no lines: both need the text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from workflow_scripts.study.errors import Place, Problem, StudyError, spell

MOST_PLACES = 100_000
"""Keys and entries of a study whose lines are known, at most."""


@dataclass(frozen=True)
class StudyFile:
    """The file of a study.

    Attributes:
        name: the file's name as errors show it.
        lines: place of a key or list entry -> its line, counted from 1.
        doubled: place, first line and second line of every key that is written twice.
    """

    name: str
    lines: dict[Place, int]
    doubled: tuple[tuple[Place, int, int], ...] = ()

    def where(self, place: Place) -> str:
        """File and line of a place, or of the nearest section around it; the file alone for the whole study."""
        around = next((place[:end] for end in range(len(place), 0, -1) if place[:end] in self.lines), None)
        return self.name if around is None else f"{self.name}, line {self.lines[around]}"

    def problems(self) -> Iterator[Problem]:
        """A problem a key that is written twice; not for the keys below it, which then are twice there too."""
        places = {place for place, _, _ in self.doubled}
        for place, first, second in self.doubled:
            if not any(place[:end] in places for end in range(len(place))):
                lines = f"on lines {first} and {second}" if first != second else "on one line"
                yield Problem(place, f"this key is written twice, {lines}; keep one, or rename the other")


def index_study(path: Path) -> StudyFile:
    """Lines and doubled keys of a study's file; without any where YAML cannot read it (Snakemake then refuses it)."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return StudyFile(path.name, {})
    lines: dict[Place, int] = {}
    doubled: list[tuple[Place, int, int]] = []
    # Aliases of aliases name more places than memory holds: of those beyond, errors tell the section's line.
    for place, line in islice(_keys(root, (), frozenset()), MOST_PLACES):
        if place in lines:
            doubled.append((place, lines[place], line))
        lines.setdefault(place, line)
    return StudyFile(path.name, lines, tuple(doubled))


def load_study(path: Path) -> Any:
    """The parsed content of a study's file.

    Raises:
        StudyError: there is no such file, or it is not YAML; with the line.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(f"{spell(str(path))} is not there: write the path from the folder you start in.") from None
    except OSError as error:
        raise StudyError(f"{spell(str(path))} cannot be read ({error.strerror}): name a YAML file.") from None
    except UnicodeDecodeError:
        raise StudyError(f"{spell(str(path))} is not UTF-8: save the study as a UTF-8 text file.") from None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise StudyError(f"{path.name}{line}: this is not YAML ({error.problem}): {_remedy(error)}.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise StudyError(f"{path.name}: this is not YAML ({spell(str(error))}): compare it with config.yaml.") from None


def _remedy(error: yaml.MarkedYAMLError) -> str:
    if "'\\t'" in str(error.problem):
        return "indent with spaces, not with tabs"
    return "compare the indentation, quotes and brackets with config.yaml"


def _keys(node: yaml.Node | None, place: Place, above: frozenset[int]) -> Iterator[tuple[Place, int]]:
    """Place and line of all keys and list entries below a node; an alias of a node above is not followed."""
    if id(node) in above:
        return
    if isinstance(node, yaml.MappingNode):
        named = [(_key(key), key, value) for key, value in node.value if key.value != "<<"]
    elif isinstance(node, yaml.SequenceNode):
        named = [(str(number), value, value) for number, value in enumerate(node.value)]
    else:
        return
    for name, mark, value in named:
        yield (*place, name), mark.start_mark.line + 1
        yield from _keys(value, (*place, name), above | {id(node)})


def _key(node: yaml.Node) -> str:
    """A key as it is called in the parsed study: `no` is False there."""
    if not isinstance(node, yaml.ScalarNode) or node.style:
        return str(node.value)
    try:
        return str(yaml.safe_load(node.value))
    except (yaml.YAMLError, ValueError):
        return str(node.value)
