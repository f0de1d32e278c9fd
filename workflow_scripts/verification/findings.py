"""What is wrong with an artifact: it is damaged, does not belong where it is, or was not made from what is there now."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from safetensors import SafetensorError

from workflow_scripts.artifacts import seals
from workflow_scripts.artifacts.catalogue import kind_of
from workflow_scripts.artifacts.files import ArtifactError, digest_of_file, read_provenance
from workflow_scripts.models.copies import is_dropped
from workflow_scripts.models.digests import digest_files, digest_tensors
from workflow_scripts.verification.expectations import Expected

PROVEN = {".parquet", ".safetensors", ".json"}
"""Endings of artifacts that carry a provenance; figures and the report have it in a record beside them."""
RECORD = "provenance.json"
"""Name of the record that vouches for files beside it."""
RESOLVED = "auto"
"""What a study may leave to the machine; provenances say what it came to."""


class State(StrEnum):
    """How an artifact stands."""

    SOUND = "sound"
    MISSING = "not there"
    UNPROVEN = "without provenance"
    ELSEWHERE = "of another study"
    DAMAGED = "damaged"
    FOREIGN = "foreign"
    STALE = "out of date"


FAULTS = (State.DAMAGED, State.FOREIGN, State.STALE)


@dataclass(frozen=True)
class Finding:
    """How an artifact stands, and why."""

    path: Path
    state: State
    reason: str = ""


@dataclass
class Digests:
    """SHA-256 of files, each read once, and the file that a digest belongs to."""

    _of: dict[Path, str] = field(default_factory=dict)

    def of(self, path: Path) -> str | None:
        """The digest of a file, None where there is none."""
        if path not in self._of and path.is_file():
            self._of[path] = digest_of_file(path)
        return self._of.get(path)

    def file(self, digest: str) -> Path | None:
        """A file with this digest, of those that were read."""
        return next((path for path, found in self._of.items() if found == digest), None)


def examine(expected: Expected, digests: Digests) -> Finding:
    """How an artifact of the study stands."""
    path = expected.path
    if not path.exists():
        return Finding(path, State.SOUND if expected.temporary else State.MISSING)
    if path.suffix not in PROVEN:
        return _vouched(path)
    if reason := damage(path):
        return Finding(path, State.DAMAGED, reason)
    return next(_faults(expected, read_provenance(path), digests), Finding(path, State.SOUND))


def _faults(expected: Expected, provenance: Mapping[str, Any], digests: Digests) -> Iterator[Finding]:
    """What is wrong with a whole artifact, the gravest first."""
    path = expected.path
    if provenance["step"] != expected.step:
        yield Finding(path, State.FOREIGN, f"{provenance['step']} wrote it, and {expected.step} writes here")
    if reason := _of_another_kind(path, provenance):
        yield Finding(path, State.FOREIGN, reason)
    yield from _inputs_differ(expected, provenance["inputs"], digests)
    yield from (Finding(path, State.STALE, reason) for reason in _told_otherwise(expected, provenance))


def _vouched(path: Path) -> Finding:
    """How a figure or a report stands, by the record beside it."""
    record = path.with_name(RECORD)
    if not record.is_file() or damage(record):
        return Finding(path, State.UNPROVEN)
    if json.loads(record.read_text(encoding="utf-8"))["files"].get(path.name) != digest_of_file(path):
        return Finding(path, State.DAMAGED, "its bytes are not those that were written")
    return Finding(path, State.SOUND)


def damage(path: Path) -> str | None:
    """Why an artifact is not what was written there; None when it is."""
    if not seals.is_sealed(path):
        return "it has no seal: it was cut short, or this polyprune did not write it"
    if not seals.is_whole(path):
        return "its bytes are not those that were written"
    try:
        provenance = read_provenance(path)
    except ArtifactError as error:
        return str(error)
    return _checkpoint_differs(path) if provenance["step"] == "prepare_model" else None


def _checkpoint_differs(record: Path) -> str | None:
    directory, content = record.parent, json.loads(record.read_text(encoding="utf-8"))
    found = {"files": digest_files(directory)}
    if not is_dropped(directory):
        try:
            found["tensors"] = digest_tensors(directory)[0]
        except (ArtifactError, OSError, SafetensorError) as error:
            return f"the weights beside it cannot be read ({error})"
    for kind, digests in found.items():
        for name in sorted(digests.keys() | content[kind].keys()):
            if digests.get(name) != content[kind].get(name):
                return f"{name} beside it is not what was prepared"
    return None


def _inputs_differ(expected: Expected, made_from: Mapping[str, Any], digests: Digests) -> Iterator[Finding]:
    # In the rule's order, which puts what comes first before what was made of it: that is the name to tell.
    order = list(expected.inputs)
    for role in sorted(made_from, key=lambda role: order.index(role) if role in order else len(order)):
        digest = made_from[role]
        present = _aslist(expected.inputs.get(role, []))
        if isinstance(digest, str) and len(present) > 1:
            # A job evaluates several variants, each from its own files.
            present = [path for path in present if _is_of_variant(expected.path, path)]
        made_of = _aslist(digest)
        if len(present) != len(made_of):
            reason = f"it was made from {len(made_of)} files as {role}, and the workflow has {len(present)}"
            yield Finding(expected.path, State.STALE, reason)
            return
        for path, made in zip(present, made_of, strict=True):
            if digests.of(path) not in (None, made):
                other = digests.file(made)
                if other:
                    yield Finding(expected.path, State.FOREIGN, f"it was made from {other}, not from {path}")
                else:
                    yield Finding(expected.path, State.STALE, f"it was not made from {path} as that is now")


def _is_of_variant(evaluation: Path, pruned: Path) -> bool:
    """Whether a variant's file, in results/pruned/{model}/{variant}, belongs to an evaluation in results/*/{model}/{variant}."""
    variant = pruned.parent.parts[2:]
    return evaluation.parts[2 : 2 + len(variant)] == variant


def _of_another_kind(path: Path, provenance: Mapping[str, Any]) -> str | None:
    """Why a file is not of the kind that its name says: one step may write several."""
    table = provenance["parameters"].get("table", path.stem)
    if table != path.stem:
        return f"it is the table {table}"
    name = path.relative_to(path.parts[0]).as_posix()
    kind = kind_of(name)
    if kind and kind.arrow_schema is not None and not pq.read_schema(path).equals(kind.arrow_schema):
        return "it has other columns than belong there"
    return None


def _aslist(entry: Any) -> list[Any]:
    return entry if isinstance(entry, list) else [entry]


def _told_otherwise(expected: Expected, provenance: Mapping[str, Any]) -> Iterator[str]:
    was = provenance["versions"]
    others = [library for library, now in expected.versions.items() if was.get(library) != now]
    for library in others:
        yield f"it was made with {library} {was.get(library, 'absent')}, and here is {expected.versions[library]}"
    # The digest of code covers the versions too.
    if provenance["code"] != expected.code and not others:
        yield f"the code of {expected.step} has changed"
    yield from (
        f"it was made with {name} {_spell(was)}, and the study says {_spell(now)}"
        for name, was, now in _differences(expected.told, provenance["parameters"])
    )


def _differences(told: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name in sorted(told.keys() & parameters.keys()):
        now, was = told[name], parameters[name]
        if isinstance(now, dict) and isinstance(was, dict):
            yield from _differences(now, was)
            yield from ((key, was.get(key), now.get(key)) for key in sorted(now.keys() ^ was.keys()))
        elif now not in (was, RESOLVED):
            yield name, was, now


def _spell(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 60 else f"{text[:56]} ..."


def examine_others(results: Path, expected: set[Path]) -> Iterator[Finding]:
    """How the files stand that the study does not write: those of other studies, and those that nobody knows."""
    for path in sorted(path for path in results.rglob("*") if path.is_file() and path not in expected):
        of_model = path.parent.parent == results / "models"
        if of_model and path.with_name(RECORD) in expected:
            # Its record vouches for it.
            continue
        name = path.relative_to(results).as_posix()
        if path.name.endswith((".part", ".lock")):
            yield Finding(path, State.UNPROVEN, "left by a run that was interrupted")
        elif kind_of(name) is None:
            yield Finding(path, State.FOREIGN, "polyprune writes no such file")
        elif of_model or path.suffix not in PROVEN:
            yield Finding(path, State.ELSEWHERE)
        elif reason := damage(path):
            yield Finding(path, State.DAMAGED, reason)
        else:
            yield Finding(path, State.ELSEWHERE)
