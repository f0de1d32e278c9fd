"""Only what is stale, all that is stale: what docs/staleness.md says happens, made to happen, and the jobs that then run."""

import re
from collections import Counter

import pytest

from tests.workflow.disturbances import DISTURBANCES, documented, further_project, staleness_project
from tests.workflow.project import Project, catalogued
from workflow_scripts.artifacts.catalogue import ARTIFACTS

FIRST, SECOND = documented()
TABLE = FIRST | SECOND
INSIDE = ("representation", "activation", "evaluation_error", "lape", "neuron", "subspace")
ALWAYS_RUN = {
    "the formula of an interval",
    "a constant of SparseGPT",
    "a method more",
    "cloze items",
    "a calibration text in German is corrected",
    "the same, and then the formula of an interval",
    "one mask is deleted",
}
"""Rows whose jobs are run among the slow tests; `pytest -m soak` runs those of all."""


@pytest.fixture(scope="session")
def finished(once, shared):
    """A study that has run to its end."""
    return once("staleness", lambda: run(staleness_project(shared / "staleness/project")))


@pytest.fixture(scope="session")
def finished_further(once, shared):
    """The second study, which has run to its end."""
    return once("further staleness", lambda: run(further_project(shared / "further staleness/project")))


def run(project: Project) -> Project:
    """The project, its study run and its jobs kept."""
    project.everything = jobs(project.snakemake())
    return project


@pytest.fixture
def project(request, tmp_path):
    """A copy of the finished study that a row is about, the first where there is none, as if it had always been there."""
    words = request.getfixturevalue("words") if "words" in request.fixturenames else ""
    finished = request.getfixturevalue("finished_further" if words in SECOND else "finished")
    return finished.copied(tmp_path / "project", "__pycache__")


def jobs(output: str) -> dict[str, int]:
    """Rule -> number of jobs that a run has finished."""
    return dict(Counter(re.findall(r"^Finished jobid: \d+ \(Rule: (?!all\))(\w+)\)$", output, re.MULTILINE)))


def test_every_row_of_the_table_can_be_made_to_happen():
    assert list(TABLE) == list(DISTURBANCES)


@pytest.mark.slow
def test_every_artifact_is_in_the_catalogue(finished):
    # Cloze items, tasks, controls, generated text and what is inside of models are in other studies.
    words = ("cloze", "task", "control", "question", "continuation", "fidelity", *INSIDE)
    elsewhere = {artifact.title for artifact in ARTIFACTS if any(word in artifact.title.lower() for word in words)}
    assert catalogued(finished.folder / "results") == {artifact.title for artifact in ARTIFACTS} - elsewhere


@pytest.mark.slow
@pytest.mark.parametrize("words", TABLE)
def test_what_happens_leads_to_the_jobs_of_the_table(project: Project, words):
    DISTURBANCES[words](project)
    assert project.planned() == wanted(project, words)


@pytest.mark.parametrize(
    "words",
    [pytest.param(words, marks=pytest.mark.slow if words in ALWAYS_RUN else pytest.mark.soak) for words in TABLE],
)
def test_the_jobs_of_the_table_run_and_then_there_are_none(project: Project, words):
    DISTURBANCES[words](project)
    assert jobs(project.snakemake()) == wanted(project, words)
    assert project.planned() == {}


def wanted(project: Project, words: str) -> dict[str, int]:
    return project.everything if TABLE[words] == "everything" else TABLE[words]


@pytest.mark.slow
def test_an_added_language_leaves_every_mask_and_perplexity_untouched(project):
    kept = {below: project.state(below) for below in ("pruned", "perplexity", "calibration", "tokens", "models")}
    DISTURBANCES["a language more to calibrate with and to evaluate in"](project)
    project.snakemake()
    for below, before in kept.items():
        after = project.state(below)
        assert {path: after[path][0] for path in before} == {path: digest for path, (digest, _) in before.items()}
        # Jobs that evaluate a further calibration give a new time to the files of the others.
        assert below == "perplexity" or {path: after[path] for path in before} == before
        assert (len(after) > len(before)) == (below != "models")


@pytest.mark.slow
def test_an_added_seed_leaves_every_mask_and_the_content_of_every_perplexity_untouched(project):
    masks, perplexity = project.state("pruned"), project.state("perplexity")
    DISTURBANCES["a seed more"](project)
    project.snakemake()
    after = project.state("pruned")
    assert {path: after[path] for path in masks} == masks
    after = project.state("perplexity")
    assert {path: after[path][0] for path in perplexity} == {path: state[0] for path, state in perplexity.items()}
    assert len(after) > len(perplexity)
    assert project.planned() == {}
