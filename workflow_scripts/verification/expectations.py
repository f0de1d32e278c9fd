"""What the workflow would write now: every artifact of a study with the step, code, parameters and inputs behind it.

Snakemake itself is asked: see `planning.dag`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflow_scripts.artifacts.code_digest import libraries_of
from workflow_scripts.planning.dag import study_dag

STEP = re.compile(r"-m workflow_scripts\.steps\.(\w+)")


@dataclass(frozen=True)
class Expected:
    """An artifact as the workflow would write it now.

    Attributes:
        path: the artifact, relative to the working directory.
        step: the step that writes it.
        code: digest of the step's code; empty for a rule that gives none.
        versions: library -> installed version, of those that decide what the step computes.
        told: what the step is told, by the names that provenances use: parameters, and the wildcards of its rule.
        inputs: role -> file, or files in order.
        temporary: whether the study keeps it only as long as jobs read it.
        recorded: whether Snakemake has a record of it; one that it has not it trusts as it stands.
    """

    path: Path
    step: str
    code: str
    versions: Mapping[str, str]
    told: Mapping[str, Any]
    inputs: Mapping[str, Path | list[Path]]
    temporary: bool
    recorded: bool


def expected_artifacts(configfile: Path | None) -> list[Expected]:
    """All artifacts of a study, in the order of the jobs; of the default study without `configfile`."""
    jobs = [job for job in study_dag(configfile, forceall=True).jobs if job.output]
    return [artifact for job in sorted(jobs, key=lambda job: str(job.output[0])) for artifact in _of_job(job)]


def _of_job(job) -> list[Expected]:
    params = {key: decoded(value) for key, value in job.params.items() if isinstance(value, str)}
    told = dict(job.wildcards.items()) | params | params.get("parameters", {}) | params.get("tasks", {})
    step = STEP.search(job.shellcmd)[1]
    return [
        Expected(
            path=Path(str(path)),
            step=step,
            code=params.get("code", ""),
            versions=libraries_of(f"steps.{step}"),
            told=told,
            inputs={role: _paths(entry) for role, entry in job.input.items()},
            temporary=path in job.temp_output,
            recorded=job.dag.workflow.persistence.metadata(path) is not None,
        )
        for path in job.output
    ]


def _paths(entry: Any) -> Path | list[Path]:
    return Path(entry) if isinstance(entry, str) else [Path(str(path)) for path in entry]


def decoded(text: str) -> Any:
    """The object that a parameter in JSON is; any other text stays, a name or a digest that looks like a number too."""
    return json.loads(text) if text.startswith("{") else text
