"""Mistakes in a study, in one sentence each: what, where, and how to mend it."""

import difflib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from workflow_scripts.runtime.mistakes import Mistake
from workflow_scripts.study.words import keys_at, sections_of, type_at, walk_keys, words_of

Place = tuple[str, ...]
"""Where something stands in the study: ("pruning", "patterns", "0")."""

LONGEST = 60
"""Characters of a wrong value that a sentence shows."""

ALIASES = {
    "bf16": "bfloat16",
    "fp16": "float16",
    "fp32": "float32",
    "fp64": "float64",
    "gpu": "cuda",
    "half": "float16",
}
"""What people write -> the word for it here."""


class StudyError(Mistake):
    """A study that cannot be run; the message says what, where and how to mend it."""


@dataclass(frozen=True)
class Problem:
    """One mistake: its place in the study, and what is wrong there and how to mend it."""

    place: Place
    message: str

    def __str__(self) -> str:
        sentence = self.message.rstrip(".")
        where = ".".join(part if part.isdecimal() else spell(part) for part in self.place) or "the study"
        return f"{where}: {sentence}{'' if sentence.endswith('?') else '.'}"


def spell(value: Any) -> str:
    """A value as a sentence shows it: on one line, cut where it is long, in quotes where it would be misread."""
    if isinstance(value, dict | list | BaseModel):
        return "a list" if isinstance(value, list) else "a mapping"
    if isinstance(value, date):
        return str(value)
    if isinstance(value, int) and abs(value) >= 10**LONGEST:
        return "a number of very many digits"
    plain = isinstance(value, str) and value.isprintable() and value.strip() == value != "" and not _is_number(value)
    text = value if plain else repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _is_number(text: str) -> bool:
    try:
        return bool(float(text)) or True
    except ValueError:
        return False


def closest(word: Any, known: Iterable[str]) -> str:
    """The known word most like a misspelled one as "; did you mean ...?", or nothing where none is like it."""
    word, known = str(word).lower()[:100], sorted(known)
    if (alias := ALIASES.get(word)) in known:
        return f"; did you mean {alias}?"
    found = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {found[0]}?" if found else ""


def listed(words: Collection[str], most: int = 12) -> str:
    """Words with commas, the first few of many, "none" for none."""
    shown = ", ".join(map(spell, islice(words, most)))
    return f"{shown} and {len(words) - most} more" if len(words) > most else shown or "none"


def problems_of(error: ValidationError, root: type[BaseModel], config: Any) -> Iterator[Problem]:
    """The problems that pydantic found in a configuration that should be of the type `root`."""
    found = [(_place_of(problem["loc"], root, config), problem) for problem in error.errors(include_url=False)]
    unknown = [place for place, problem in found if problem["type"] == "extra_forbidden"]
    for place, problem in found:
        if control := _control_for_language(place, problem, config):
            yield Problem(place, control)
            continue
        if problem["type"] == "missing" and _is_misspelled(place, unknown):
            # The sentence about the unknown key names this one.
            continue
        if (
            problem["type"].startswith("union_tag")
            and isinstance(problem["input"], dict)
            and "kind" in problem["input"]
        ):
            place = (*place, "kind")
        yield Problem(place, _message(place, problem, root))


def _control_for_language(place: Place, problem: dict[str, Any], config: Any) -> str:
    """What is wrong where a mixture or a control is made of a control; empty where it is something else."""
    if place[:2] not in {("calibration", "mixtures"), ("calibration", "controls")} or len(place) != 4:
        return ""
    if place[1] == "controls" and place[-1] != "language":
        return ""
    named = place[-1] if place[1] == "mixtures" else problem["input"]
    controls = config["calibration"].get("controls")
    if not isinstance(controls, dict) or not isinstance(named, str) or named not in controls:
        return ""
    made = "mixtures are made" if place[1] == "mixtures" else "a control is made"
    return f"{spell(named)} is a control, and {made} of languages alone; write the code of a language"


def _place_of(loc: tuple[int | str, ...], root: type[BaseModel], config: Any) -> Place:
    """Where pydantic's location is in the file, which knows no "[key]" and no kinds of a union; a key `no` is False."""
    place: list[str] = []
    for part in loc:
        if part == "[key]":
            continue
        if isinstance(config, dict):
            if part not in config and len(sections_of(type_at(root, tuple(place)))) > 1 and part in _kinds(root, place):
                continue
            key = next((key for key in config if key == part), part)
            place.append(str(key))
            config = config.get(key)
        else:
            place.append(str(part))
            config = config[part] if isinstance(config, list) and isinstance(part, int) else None
    return tuple(place)


def _kinds(root: type[BaseModel], place: Iterable[str]) -> list[str]:
    """The kinds of a section that comes in several."""
    sections = sections_of(type_at(root, tuple(place)))
    return [str(get_args(section.model_fields["kind"].annotation)[0]) for section in sections]


def _is_misspelled(missing: Place, unknown: Iterable[Place]) -> bool:
    siblings = [place[-1] for place in unknown if place[:-1] == missing[:-1]]
    return bool(difflib.get_close_matches(missing[-1], siblings, n=1))


def _message(place: Place, problem: dict[str, Any], root: type[BaseModel]) -> str:
    kind, value = problem["type"], problem["input"]
    words = words_of(type_at(root, place))
    if kind == "value_error":
        return problem["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return f"there is no such key{_right_key(place, problem['loc'], root)}"
    if kind == "missing":
        return f"this key is missing; write {words}, as config.yaml does"
    if kind.startswith("union_tag"):
        given, known = value.get("kind"), _kinds(root, place[:2])
        wrong = "the key kind is missing" if given is None else f"the kind {spell(given)} is not known"
        return f"{wrong}; write one of {listed(known)}{closest(given, known) if isinstance(given, str) else ''}"
    if value is None or value in ("", [], {}):
        return f"there is nothing here; write {words}"
    if kind == "literal_error":
        return f"{spell(value)} is not known; write {words}{closest(value, words.replace(',', '').split())}"
    if isinstance(value, bool):
        read = "yes, on and true" if value else "no, off and false"
        return f"YAML reads {read} without quotes as {value}, which cannot stand here; write {words}"
    if kind == "string_type" and isinstance(value, int | float | date):
        return f"{spell(value)} without quotes is a {'date' if isinstance(value, date) else 'number'}; put it in quotes"
    if isinstance(value, str) and words.startswith(("a number", "a whole number")):
        return f"{spell(value)} is text and no number; write {words}, without quotes"
    return f"{spell(value)} cannot stand here; write {words}"


def _right_key(place: Place, loc: tuple[int | str, ...], root: type[BaseModel]) -> str:
    """What follows "there is no such key": where the key belongs, or what it should be called."""
    key, siblings = place[-1], keys_at(root, place[:-1])
    if len(loc) > len(place):
        # A section that comes in kinds: the kind's keys alone.
        sections = sections_of(type_at(root, place[:-1]))
        chosen = sections[_kinds(root, place[:-1]).index(str(loc[-2]))]
        siblings, others = list(chosen.model_fields), [s for s in sections if key in s.model_fields]
        if others:
            kinds = [str(get_args(section.model_fields["kind"].annotation)[0]) for section in others]
            return f" where kind is {loc[-2]}; it goes with kind {' and '.join(kinds)}"
    everywhere: dict[str, list[str]] = {}
    for other, _ in walk_keys(root):
        everywhere.setdefault(other[-1], []).append(".".join(other))
    if key in everywhere:
        return f" here; it belongs at {' or '.join(dict.fromkeys(everywhere[key]))}"
    if hint := closest(key, siblings):
        return hint
    # From elsewhere only what is nearly the same word: others would lead away from the few keys that there are here.
    if near := difflib.get_close_matches(key[:100], everywhere, n=1, cutoff=0.85):
        return f"; did you mean {everywhere[near[0]][0]}?"
    return f"; the keys here are {listed(siblings)}"
