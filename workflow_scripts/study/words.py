"""What a key of the study allows, in words: for the sentences about mistakes, and for the documentation of all keys."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo


@dataclass(frozen=True)
class Allowed:
    """What a value may be, as it goes on after "write": `Annotated[int, Allowed("a whole number")]`."""

    words: str


def words_of(annotation: Any) -> str:
    """What a value of this type may be; of a field, pass `field.rebuild_annotation()`."""
    kind, metadata = _unwrapped(annotation)
    for entry in metadata:
        if isinstance(entry, Allowed):
            return entry.words
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return "one of " + ", ".join(map(str, arguments)) if len(arguments) > 1 else str(arguments[0])
    if origin is list:
        return f"a list, each entry {words_of(arguments[0])}"
    if origin is dict and sections_of(arguments[1]):
        return "names of your choice, and below each its keys"
    if origin is dict:
        return f"a mapping from {words_of(arguments[0])} to {words_of(arguments[1])}"
    if sections_of(kind):
        return "its keys, indented below it"
    return "text"


def sections_of(annotation: Any) -> list[type[BaseModel]]:
    """The sections that a value of this type may be: one, several that a key tells apart, or none for a plain value."""
    kind, _ = _unwrapped(annotation)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    if get_origin(kind) in (Union, UnionType):
        return [section for each in get_args(kind) for section in sections_of(each)]
    return []


def keys_at(root: type[BaseModel], place: tuple[str, ...]) -> list[str]:
    """The keys that may stand in the section at a place of the study, none where there is no section."""
    found = type_at(root, place)
    return list(dict.fromkeys(key for section in sections_of(found) for key in section.model_fields))


def type_at(root: type[BaseModel], place: tuple[str, ...]) -> Any:
    """The type of the value at a place of the study, None where the study has no such place."""
    kind: Any = root
    for part in place:
        kind, _ = _unwrapped(kind)
        fields = [field for section in sections_of(kind) if (field := section.model_fields.get(part))]
        if fields:
            kind = fields[0].rebuild_annotation()
        elif get_origin(kind) in (list, dict):
            kind = get_args(kind)[-1]
        else:
            return None
    return kind


def walk_keys(root: type[BaseModel], place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every key of the study with its place, sections first and then what stands in them."""
    for name, field in root.model_fields.items():
        yield (*place, name), field
        for section, below in sections_below(field.rebuild_annotation(), (*place, name)):
            yield from walk_keys(section, below)


def sections_below(annotation: Any, place: tuple[str, ...]) -> Iterator[tuple[type[BaseModel], tuple[str, ...]]]:
    """The sections that stand at a place, each with its place; below names of one's choice, `<name>` stands for them."""
    kind, _ = _unwrapped(annotation)
    if get_origin(kind) is dict:
        yield from sections_below(get_args(kind)[1], (*place, "<name>"))
        return
    for section in sections_of(kind):
        yield section, place


def _unwrapped(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without `Annotated` and `| None`, and what was annotated."""
    metadata: tuple[Any, ...] = ()
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            metadata += tuple(more)
        elif get_origin(annotation) in (Union, UnionType) and type(None) in get_args(annotation):
            others = [each for each in get_args(annotation) if each is not type(None)]
            annotation = Union[tuple(others)]  # noqa: UP007
        else:
            return annotation, metadata
