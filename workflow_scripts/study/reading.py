"""From a parsed configuration to a study, or to all its mistakes at once."""

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from workflow_scripts.study.checks import check_sections, check_texts
from workflow_scripts.study.errors import Problem, StudyError, problems_of, spell
from workflow_scripts.study.file import StudyFile, index_study, load_study
from workflow_scripts.study.sections import Study

DEFAULT = Path(__file__).parents[2] / "config.yaml"
"""The default study."""


def read_study(config: Any, file: StudyFile | None = None, with_texts: bool = False) -> Study:
    """Validate a parsed configuration.

    Args:
        config: what the study's file says.
        file: that file, for the lines of mistakes and for keys that are written twice.
        with_texts: also read the texts that are at hand, to tell whether they suffice.

    Raises:
        StudyError: one sentence a mistake, on a line of its own: the place, what is wrong, how to mend it.
    """
    problems = list(file.problems()) if file else []
    if not isinstance(config, dict):
        raise StudyError(
            f"{file.name if file else 'the study'}: {spell(config) if config is not None else 'an empty file'} is no study; write keys as config.yaml does."
        )
    try:
        study = Study.model_validate(config)
        sections = dict(study)
    except ValidationError as error:
        study = None
        problems += problems_of(error, Study, config)
        sections = _sound_sections(config)
    problems += check_sections(sections)
    if with_texts and study and not problems:
        problems += check_texts(study.corpora, study.calibration, study.evaluation)
    if problems:
        raise StudyError("\n".join(dict.fromkeys(_sentence(problem, file) for problem in problems)))
    return study


def _sound_sections(config: dict[str, Any]) -> dict[str, Any]:
    """Those sections of a study that are right by themselves."""
    sound = {}
    for name, field in Study.model_fields.items():
        try:
            if name in config:
                sound[name] = TypeAdapter(field.rebuild_annotation()).validate_python(config[name])
        except ValidationError:
            continue
    return sound


def _sentence(problem: Problem, file: StudyFile | None) -> str:
    return f"{file.where(problem.place)}: {problem}" if file else str(problem)


def read_file(path: Path, with_texts: bool = True) -> Study:
    """The study in a file; raises StudyError, with lines, unless it can be run. Texts as in `read_study`."""
    return read_study(load_study(path), index_study(path), with_texts)
