"""Downstream tasks through snakemake: every artifact is known and sound, and a further or changed task touches no other."""

import pytest

from tests.evaluation.task_files import items, write_task
from tests.workflow.project import Project, catalogued, verify

pytestmark = pytest.mark.slow
TABLE = "results/reports/tiny/tables/tasks.parquet"
"""All that tasks need, and not the rest of the study."""
ONE_LANGUAGE = {"score_tasks_of_weights": 2, "score_tasks_uncalibrated": 1, "tabulate_tasks": 1}
"""What a language comes to: a job for each calibration, and one for the dense model and magnitude."""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A finished study with a task in two languages."""
    project = Project(tmp_path_factory.mktemp("tasks") / "project", warm=True)
    for name in ("news", "trade"):
        for language in ("aa", "bb"):
            write_task(project.folder / "inputs/tasks" / language, name, items())
    project.study["pruning"]["methods"] = ["sparsegpt"]
    project.study["calibration"]["seeds"] = [0, 1]
    project.study["evaluation"] |= {
        "tasks": ["news"],
        "task_items": 4,
        "task_files": {"news": files("news", "aa", "bb")},
    }
    project.snakemake(TABLE)
    return project


def files(name, *languages):
    return {language: f"inputs/tasks/{language}/{name}.yaml" for language in languages}


def digests(project):
    return {path: digest for path, (digest, _) in project.state("tasks").items()}


def test_every_artifact_is_in_the_catalogue_and_sound(project):
    assert {"Items of a task", "Table `tasks`"} <= catalogued(project.folder / "results")
    code, output = verify(project.folder, "study.yaml")
    assert code == 0, output
    assert project.planned(TABLE) == {}
    # The dense model, magnitude, two calibrations with two seeds.
    assert len(digests(project)) == 6 * 2


def test_a_further_task_scores_itself_alone(project):
    before = digests(project)
    project.study["evaluation"]["tasks"] = ["news", "trade"]
    project.study["evaluation"]["task_files"]["trade"] = files("trade", "aa")
    # The jobs of the language that has it, and none of the other's.
    assert project.planned(TABLE) == ONE_LANGUAGE
    project.snakemake(TABLE)
    after = digests(project)
    assert {path: after[path] for path in before} == before and len(after) == 6 * 3
    assert project.planned(TABLE) == {}
    code, output = verify(project.folder, "study.yaml")
    assert code == 0, output


def test_a_changed_task_file_is_scored_anew_and_no_other(project):
    before = digests(project)
    path = project.folder / "inputs/tasks/aa/trade.yaml"
    path.write_text(path.read_text().replace("{{question}}", "{{question}} a"))
    code, output = verify(project.folder, "study.yaml")
    assert code == 1 and output.count("trade-4/aa.parquet") >= 6 and "news-4" not in output, output
    assert project.planned(TABLE) == ONE_LANGUAGE
    project.snakemake(TABLE)
    after = digests(project)
    assert {path for path in after if after[path] != before[path]} == {path for path in after if "trade" in path}
    assert project.planned(TABLE) == {}


def test_a_failing_data_set_ends_with_a_sentence_that_names_it(project):
    project.study["evaluation"]["languages"] = ["aa", "sw"]
    project.study["evaluation"]["tasks"] = ["belebele"]
    project.study["evaluation"]["task_files"] = {}
    (project.folder / "inputs/letters/sw.jsonl").write_bytes((project.folder / "inputs/letters/bb.jsonl").read_bytes())
    project.write_study()
    target = "results/tasks/tiny/dense/belebele-4/sw.parquet"
    done = project.attempt(target)
    assert done.returncode != 0
    assert "score_tasks failed: The task belebele in sw (belebele_swh_Latn in lm-eval) cannot be asked" in done.stdout
    assert "facebook/belebele, configuration swh_Latn" in done.stdout and "evaluation.task_data" in done.stdout
