"""The values that keys of a study take: their types, what they refuse, and what they allow in words."""

import os
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict

from workflow_scripts.corpora.languages import canonical, check_language, check_spellings
from workflow_scripts.evaluation.questions import SLOT
from workflow_scripts.models.memory import parse_memory
from workflow_scripts.pruning.methods.declaring import declared_methods
from workflow_scripts.pruning.patterns import spell_pattern
from workflow_scripts.study.errors import spell
from workflow_scripts.study.words import Allowed

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
HUB_NAME = re.compile(r"(?!.*(?:--|\.\.|\.git$))[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)
REVISION = re.compile(r"[\w.+/-]+", re.ASCII)
EMBEDDED_CLOZE = 200
"""Embedded cloze items of a language; a test counts them."""
NOT_NAMEABLE = "braces, angle brackets or control characters, which Snakemake cannot take; rename the file"
"""What is wrong with a path that is not `is_nameable`."""
LEAST_MEMORY, MOST_MEMORY = 2**28, 2**47
"""Bytes: less than Python with torch takes, and more than any machine has."""
MOST_WEIGHT = 1e6
RESERVED = {"none", "dense"}
"""Names that paths give a meaning of their own."""


def _language(value: Any) -> Any:
    if isinstance(value, str):
        check_language(value)
        return canonical(value)
    if value is False:
        raise ValueError('YAML reads no and off without quotes as False; put Norwegian in quotes: "no"')
    return value


def _calibration(value: Any) -> Any:
    return _language(value) if value is False else value


def _one_spelling(value: Any) -> Any:
    if isinstance(value, list | dict):
        check_spellings(name for name in value if isinstance(name, str))
    return value


def _name(value: Any) -> Any:
    if isinstance(value, str) and (not NAME.fullmatch(value) or value in RESERVED):
        raise ValueError(
            f"{spell(value)} is not a name; use letters, digits, '.', '_' and '-', and neither none nor dense"
        )
    return value


def _task(value: str) -> str:
    if value == "cloze":
        raise ValueError("cloze items have a key of their own, evaluation.cloze; give the task another name")
    return value


def _hub_name(value: str) -> str:
    if not HUB_NAME.fullmatch(value):
        raise ValueError(f"{spell(value)} is not a name on the hub; write organisation/name")
    return value


def _data_set(value: str) -> str:
    if "://" in value or not (HUB_NAME.fullmatch(value) or os.path.isdir(value)):
        raise ValueError(
            f"{spell(value)} is neither a name on the hub nor a folder that is there; write organisation/name, without an address"
        )
    return value


def _revision(value: str) -> str:
    if not REVISION.fullmatch(value):
        raise ValueError(f"{spell(value)} is no commit, tag or branch; write it without blanks, as the hub shows it")
    return value


def is_nameable(path: str) -> bool:
    """Whether Snakemake takes a path as it stands: braces and angle brackets mean something to it."""
    return path.isprintable() and not set(path) & set("{}<>")


def _path(value: str) -> str:
    if not is_nameable(value):
        raise ValueError(f"{spell(value)} has {NOT_NAMEABLE}")
    return value


def _prompt(value: str) -> str:
    if SLOT not in value:
        raise ValueError(f"{spell(value)} has no place for the question; write {SLOT} where it goes")
    return value


def _pattern(value: Any) -> Any:
    if value is None or isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    if isinstance(value, int) and 60 < value <= 100:
        raise ValueError(
            f"{value} is not a pattern; write {value / 100:g} for {value} %, or, for YAML reads 1:{value - 60} without quotes as "
            f'{value}, "1:{value - 60}" in quotes'
        )
    if isinstance(value, int) and 1 < value <= 100:
        raise ValueError(f"{value} is not a pattern; write {value / 100:g} for {value} %, or N:M in quotes")
    if isinstance(value, int) and value > 60 and value % 60:
        minutes = f"{value // 60}:{value % 60}"
        raise ValueError(f'YAML reads {minutes} without quotes as {value}, in minutes; write "{minutes}" in quotes')
    if isinstance(value, str) and value.strip().endswith("%"):
        raise ValueError(f"{spell(value)} is not a pattern; write the share as a number, such as 0.5 for half")
    return spell_pattern(str(value))


def _method(value: Any) -> Any:
    if value == "magnitude":
        raise ValueError("magnitude is always computed beside the methods, as the floor; leave it out")
    return value


def _flag(value: Any) -> Any:
    """Text that spells true or false is one, as in `_number`."""
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value


def _memory(value: Any) -> Any:
    size = parse_memory(value if isinstance(value, str) else spell(value))
    if size is not None and not LEAST_MEMORY <= size <= MOST_MEMORY:
        raise ValueError(f"{spell(value)} is not what a job could take; write auto, or an amount such as 8 GiB")
    return value


def _unique(values: list) -> list:
    doubled = [value for value in values if values.count(value) > 1]
    if doubled:
        raise ValueError(f"{spell(doubled[0])} is listed twice; keep one")
    return values


def _number(value: Any) -> Any:
    """Text that spells a number is one: that is how Snakemake hands over what stands inside `--config section={...}`."""
    if isinstance(value, str):
        for kind in (int, float):
            try:
                return kind(value)
            except ValueError:
                continue
    return value


def by_language(entry: Any) -> Any:
    """A mapping from languages, none of them in two spellings."""
    return Annotated[dict[Language, entry], BeforeValidator(_one_spelling)]


def unique_list(entry: Any) -> Any:
    """A list of at least one entry, without doubles."""
    return Annotated[list[entry], Field(min_length=1), AfterValidator(_unique)]


Text = Annotated[str, Strict(), Field(min_length=1), Allowed("text")]
Label = Annotated[str, Strict(), Allowed("text, which may be empty")]
FilePath = Annotated[str, Strict(), Field(min_length=1), AfterValidator(_path), Allowed("a path")]
HubName = Annotated[str, Strict(), AfterValidator(_hub_name), Allowed("a name on the hub, organisation/name")]
DataSet = Annotated[
    str, Strict(), AfterValidator(_data_set), Allowed("a name on the hub, organisation/name, or a local folder")
]
Revision = Annotated[str, Strict(), AfterValidator(_revision), Allowed("a commit, tag or branch")]
Name = Annotated[
    str,
    Strict(),
    BeforeValidator(_name),
    Field(max_length=60),
    Allowed("a name of at most 60 letters, digits, '.', '_' and '-'"),
]
Language = Annotated[str, Strict(), BeforeValidator(_language), Allowed("a language code such as sw or zh-Hant")]
Languages = Annotated[unique_list(Language), BeforeValidator(_one_spelling)]
CalibrationName = Annotated[
    str,
    Strict(),
    BeforeValidator(_calibration),
    Field(min_length=1, max_length=100),
    Allowed("a language, languages joined as in en+sw, or a name from mixtures or controls"),
]
Prompt = Annotated[str, Strict(), AfterValidator(_prompt), Allowed("text with {question} where the question goes")]
Pattern = Annotated[
    str,
    Strict(),
    BeforeValidator(_pattern, json_schema_input_type=float | str),
    Allowed('a ratio such as 0.5, or N:M in quotes, such as "2:4"'),
]
Method = Annotated[
    Literal[tuple(name for name, method in declared_methods().items() if method.statistics)], BeforeValidator(_method)
]
Positive = Annotated[
    int, BeforeValidator(_number), Strict(), Field(ge=1, lt=2**31), Allowed("a whole number from 1 up")
]
FromZero = Annotated[
    int, BeforeValidator(_number), Strict(), Field(ge=0, lt=2**31), Allowed("a whole number from 0 up")
]
Flag = Annotated[bool, BeforeValidator(_flag), Strict(), Allowed("true or false")]
ClozeItems = Annotated[
    int,
    BeforeValidator(_number),
    Strict(),
    Field(ge=0, le=EMBEDDED_CLOZE),
    Allowed(f"a whole number from 0 to {EMBEDDED_CLOZE}"),
]
TaskName = Annotated[
    str,
    Strict(),
    BeforeValidator(_name),
    AfterValidator(_task),
    Field(max_length=60),
    Allowed("a family of tasks, or a name of task_files"),
]
TaskNames = Annotated[list[TaskName], AfterValidator(_unique)]
Memory = Annotated[str, BeforeValidator(_memory), Strict(), Allowed("auto, or an amount with its unit such as 8 GiB")]
Length = Annotated[int, BeforeValidator(_number), Strict(), Field(ge=8, lt=2**31), Allowed("a whole number from 8 up")]
Share = Annotated[float, BeforeValidator(_number), Strict(), Field(ge=0, le=1), Allowed("a number from 0 to 1")]
Weight = Annotated[
    float,
    BeforeValidator(_number),
    Strict(),
    Field(gt=0, le=MOST_WEIGHT, allow_inf_nan=False),
    Allowed("a number above 0, at most a million"),
]
