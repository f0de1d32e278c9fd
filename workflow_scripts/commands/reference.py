"""Command: write docs/configuration.md, docs/artifacts.md and docs/study.schema.json from the code."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from workflow_scripts.artifacts.catalogue import ARTIFACTS, Artifact
from workflow_scripts.runtime.command_line import run_step
from workflow_scripts.study.sections import Study
from workflow_scripts.study.words import sections_below, sections_of, words_of

DOCS = Path(__file__).parents[2] / "docs"
GENERATED = (
    "<!-- Written by `python -m workflow_scripts reference` from the code: change the docstrings there, not this. -->"
)


def configuration() -> str:
    """Every key of a study: what it allows, its default, what it means."""
    lines = [
        "# Configuration",
        GENERATED,
        "A study is one YAML file; [config.yaml](../config.yaml) is the default one, and studies/ has others. Run one with "
        "`snakemake --cores all --configfile my-study.yaml`, check one with `python -m workflow_scripts check "
        "my-study.yaml`. Keys without a default must be there; a key that is not listed here is an error.",
        "## The study",
        _text(Study),
        _keys(Study, ""),
    ]
    for section, place, one_of_several in _sections(Study):
        kind = f", kind: {words_of(section.model_fields['kind'].annotation)}" if one_of_several else ""
        below = ".".join(place)
        lines += [f"## `{below}`{kind}", _text(section), _keys(section, f"{below}.")]
    return "\n\n".join(lines) + "\n"


def _sections(
    root: type[BaseModel], place: tuple[str, ...] = ()
) -> Iterator[tuple[type[BaseModel], tuple[str, ...], bool]]:
    """Every section below another with its place, at any depth, and whether its kind tells it from others there."""
    for name, field in root.model_fields.items():
        found = list(sections_below(field.rebuild_annotation(), (*place, name)))
        for section, below in found:
            yield section, below, len(found) > 1
            yield from _sections(section, below)


def artifacts() -> str:
    """Every kind of artifact: where it is, what one row is, which step writes it, its columns."""
    lines = [
        "# Artifacts",
        GENERATED,
        "All paths are below `results/`. `{variant}` is `dense`, or {method}/{pattern}/{corpus}-{windows}x{length}-"
        "{propagation}/{calibration}/{seed}; magnitude needs no calibration: `magnitude/{pattern}/none/none/0`. "
        "Calibrations are spelled by what they are, whatever a study calls them, so that studies share them: `sw`, `en+sw`, "
        "`en+3sw` (shares in whole numbers), `en~random`, `sw~shuffled`, `sw~generated`, `sw~register-narrative`, "
        "`sw~corpus-bible`; tables have the study's names. Every "
        "Parquet, safetensors and JSON artifact carries its provenance in the metadata key `provenance`, and a seal, the "
        "SHA-256 of itself, which `python -m workflow_scripts verify` checks. Types are Arrow's; of texts, `large_string` is shown as "
        "`string`.",
        _table(
            ["artifact", "path", "step"],
            [
                [f"[{each.title.replace('`', '')}](#{_anchor(each)})", f"`{each.path}`", f"`{each.step}`"]
                for each in ARTIFACTS
            ],
        ),
    ]
    for each in ARTIFACTS:
        lines += [f"## {each.title}", f"`{each.path}`, written by `{each.step}`. One row is {each.row}."]
        if each.schema is None:
            lines[-1] = f"`{each.path}`, written by `{each.step}`: {each.row}."
        if each.columns or each.schema:
            lines.append(_table(["column" if each.schema else "key", "type", "meaning"], list(_columns(each))))
    return "\n\n".join(lines) + "\n"


def schema() -> str:
    """The JSON schema of a study, for editors; what only the checks know stands in none."""
    return json.dumps(Study.model_json_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


DOCUMENTS = {"configuration.md": configuration, "artifacts.md": artifacts, "study.schema.json": schema}


def _columns(artifact: Artifact) -> Iterator[list[str]]:
    schema = artifact.arrow_schema
    for name, meaning in artifact.meanings().items():
        kind = "JSON" if schema is None else _type(schema.field(name).type)
        yield [f"`{name}`", kind, meaning]


def _type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"list of {_type(kind.value_type)}"
    return str(kind).removeprefix("large_")


def _anchor(artifact: Artifact) -> str:
    return artifact.title.replace("`", "").replace(" ", "-").lower()


def _keys(section: type[BaseModel], prefix: str) -> str:
    rows = [
        [f"`{prefix}{name}`", words_of(field.rebuild_annotation()), _default(field), _meaning(field)]
        for name, field in section.model_fields.items()
    ]
    return _table(["key", "write", "default", "meaning"], rows)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    if field.default is None:
        return "none"
    if isinstance(field.default, BaseModel):
        return "its defaults"
    return "empty" if field.default in ("", {}) else f"`{field.default}`"


def _meaning(field: FieldInfo) -> str:
    """A key's own docstring, or that of the section it holds."""
    sections = sections_of(field.rebuild_annotation())
    return " ".join((field.description or (sections[0].__doc__ if sections else "") or "").split())


def _text(section: type[BaseModel]) -> str:
    return " ".join((section.__doc__ or "").split())


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def main() -> None:
    """Write the documents."""
    DOCS.mkdir(exist_ok=True)
    for name, write in DOCUMENTS.items():
        (DOCS / name).write_text(write(), encoding="utf-8")


if __name__ == "__main__":
    run_step(main)
