"""Only what is stale, all that is stale: real runs of a tiny study, then edits, and the jobs that they lead to."""

import pytest

from tests.workflow.project import Project, catalogued, tiny_study
from workflow_scripts.artifact_catalogue import ARTIFACTS

AGGREGATES = {"compare_calibrations": 1, "draw_figures": 1, "write_report": 1}
PERPLEXITY = "workflow_scripts/evaluation/perplexity.py"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study that has run to its end."""
    project = Project(tmp_path_factory.mktemp("staleness") / "project")
    project.snakemake()
    assert (project.folder / "results/reports/tiny/report.html").is_file()
    return project


@pytest.fixture
def project(finished):
    """The finished study; its code, study and tables are put back after the test."""
    before = {path: path.read_bytes() for path in finished.folder.rglob("*.*") if path.suffix in {".py", ".j2", ".smk"}}
    yield finished
    for path, content in before.items():
        if path.read_bytes() != content:
            path.write_bytes(content)
    finished.study = tiny_study()
    # A larger study leaves larger tables behind.
    finished.snakemake()
    assert finished.planned() == {}


def test_every_artifact_is_in_the_catalogue(finished):
    # Cloze items take real languages, see the smoke study, and controls have a study of their own.
    elsewhere = {artifact.title for artifact in ARTIFACTS if {"cloze", "control"} & set(artifact.title.lower().split())}
    elsewhere |= {artifact.title for artifact in ARTIFACTS if "`cloze" in artifact.title}
    assert catalogued(finished.folder / "results") == {artifact.title for artifact in ARTIFACTS} - elsewhere


def test_a_finished_study_has_nothing_to_do(project):
    assert project.planned() == {}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (PERPLEXITY, "    return sums\n", "    # A remark.\n\n    return sums\n"),
        (PERPLEXITY, '"""Nats of every scored token', '"""Losses of every scored token'),
        ("workflow_scripts/study/sections.py", "class Compute(", "ANOTHER = 1\n\n\nclass Compute("),
        ("workflow_scripts/__init__.py", '__version__ = "0.1.0"', '__version__ = "0.2.0"'),
    ],
    ids=["comment", "docstring", "study", "version"],
)
def test_what_changes_no_result_recomputes_nothing(project, file, old, new):
    project.edit(file, old, new)
    assert project.planned() == {}


def test_a_formula_deep_below_reruns_exactly_its_users(project):
    project.edit(PERPLEXITY, "losses.double().sum()", "losses.double().mean()")
    planned = project.planned()
    assert planned == {
        "measure_perplexity": 4,
        "measure_perplexity_of_weights": 4,
        "measure_perplexity_of_one": 4,
        "tabulate_perplexity": 1,
        **AGGREGATES,
    }


def test_a_method_reruns_its_own_masks_alone(project):
    project.edit("workflow_scripts/pruning/sparsegpt.py", "DAMPING = 0.01", "DAMPING = 0.02")
    planned = project.planned()
    assert planned["prune_model_and_weights"] == 2
    assert planned["overlap_masks"] == 1
    assert not {"prune_model", "measure_perplexity", "sample_calibration"} & set(planned)


def test_the_template_reruns_the_report_alone(project):
    project.edit("workflow_scripts/reporting/template.html.j2", "</head>", "<!-- remark --></head>")
    assert project.planned() == {"write_report": 1}


def test_touching_and_reordering_recompute_nothing(project):
    for path in [project.folder / PERPLEXITY, *project.folder.glob("results/pruned/tiny/wanda/**/*.parquet")]:
        path.touch()
    project.study["evaluation"]["languages"].reverse()
    project.study["calibration"]["calibrations"].reverse()
    project.study["calibration"]["seeds"].reverse()
    assert project.planned() == {}


def test_an_added_language_leaves_every_mask_and_perplexity_untouched(project):
    kept = {below: project.state(below) for below in ("pruned", "perplexity", "calibration", "tokens", "models")}
    project.study["calibration"]["calibrations"].append("cc")
    project.study["evaluation"]["languages"].append("cc")
    project.snakemake()
    for below, before in kept.items():
        after = project.state(below)
        assert {path: after[path] for path in before} == before
        assert (len(after) > len(before)) == (below != "models")


def test_what_is_evaluated_further_reruns_no_comparison_of_masks(project):
    project.study["evaluation"]["languages"].append("cc")
    assert not {"overlap_masks", "tabulate_layers", "prune_model"} & set(project.planned())


def test_an_added_seed_leaves_every_mask_and_the_content_of_every_perplexity_untouched(project):
    masks, perplexity = project.state("pruned"), project.state("perplexity")
    project.study["calibration"]["seeds"].append(1)
    project.snakemake()
    after = project.state("pruned")
    assert {path: after[path] for path in masks} == masks
    after = project.state("perplexity")
    assert {path: after[path][0] for path in perplexity} == {path: state[0] for path, state in perplexity.items()}
    assert len(after) > len(perplexity)
    assert project.planned() == {}
