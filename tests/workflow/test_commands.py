"""Snakemake as it is typed: studies replace the default, mistakes stop it with a sentence, the default is fast to plan."""

import pytest
import yaml

from tests.workflow.project import ROOT, Project


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("commands") / "project")


def test_a_study_replaces_the_default_and_never_merges_with_it(project):
    done = project.attempt("-n", study="studies/smoke.yaml")
    assert done.returncode == 0, done.stdout
    assert "embedded-2x64" in done.stdout
    assert "embedded-8x256" not in done.stdout and "/de.parquet" not in done.stdout


def test_the_default_study_plans_every_variant(project):
    done = project.attempt("-n", study="config.yaml")
    assert done.returncode == 0, done.stdout
    for variant in ("sparsegpt/0.5/embedded-8x256-sequential/sw/2", "wanda/0.5/embedded-8x256-sequential/de/0"):
        assert f"results/pruned/gemma-3-270m/{variant}/masks.parquet" in done.stdout


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("windos", 3, "calibration.windos: there is no such key; did you mean windows?"),
        ("calibrations", ["aa", "zz"], "calibration wants zz, which corpus letters does not have: it has aa, bb, cc"),
    ],
)
def test_a_mistake_stops_before_any_job(project, key, value, sentence):
    study = {**project.study, "calibration": {**project.study["calibration"], key: value}}
    (project.folder / "wrong.yaml").write_text(yaml.safe_dump(study))
    done = project.attempt(study="wrong.yaml")
    assert done.returncode == 1
    assert sentence in done.stdout
    assert not (project.folder / "results").exists()


def test_too_few_documents_stop_the_study_with_the_numbers(project):
    project.study["calibration"]["seeds"] = [0, 60]
    (project.folder / "many.yaml").write_text(yaml.safe_dump(project.study))
    done = project.attempt("results/calibration/tiny/letters-2x16/aa/60.parquet", study="many.yaml")
    assert done.returncode == 1
    log = (project.folder / "logs/sample_calibration/tiny/letters-2x16/aa/60.log").read_text()
    assert "calibration tokens of language 'aa' left for seed 60" in log
    assert "take fewer or shorter windows, fewer seeds, or a larger corpus" in log


def test_every_rule_has_a_step_a_log_and_an_environment():
    for path in sorted((ROOT / "rules").glob("*.smk")):
        for rule in path.read_text().split("\nrule ")[1:]:
            name = rule.partition(":")[0]
            assert (ROOT / "workflow_scripts" / f"{name}.py").is_file()
            assert f"logs/{name}/" in rule
            assert '"../envs/polyprune.yaml"' in rule
            assert f"python -m workflow_scripts.{name} " in rule
