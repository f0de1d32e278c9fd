"""Snakemake as it is typed: studies replace the default, mistakes stop it with a sentence, the default is fast to plan."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml

from tests.workflow.project import ROOT, Project, tiny_study, wait_for


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
    for variant in ("wanda/0.5/embedded-8x256-sequential/sw/2", "wanda/0.5/embedded-8x256-sequential/de/0"):
        assert f"results/pruned/gemma-3-270m/{variant}/masks.parquet" in done.stdout


def edited(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, (old, text)
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "sentences"),
    [
        (
            "  windows: 2\n",
            "  windos: 2\n",
            ["calibration.windos: there is no such key; did you mean windows?"],
        ),
        (
            "  - bb\n  corpus",
            "  - zz\n  corpus",
            ["calibration wants zz, which corpus letters does not have: it has aa, bb, cc"],
        ),
        (
            "study: tiny",
            "study: tiny\nstudy: other",
            ["study: this key is written twice, on lines 31 and 32; keep one"],
        ),
        (
            "- 0.5",
            "- 2:4",
            ['pruning.patterns.0: YAML reads 2:4 without quotes as 124, in minutes; write "2:4" in quotes.'],
        ),
        ("path: inputs/tiny", "path: inputs/huge", ["models.tiny.path: inputs/huge is not there"]),
        ("- 0\n  windows: 2", "- 30\n  windows: 2", ["calibration.seeds: seed 30 wants 31 disjoint shares"]),
        (
            "- wanda",
            "- wandas",
            ["pruning.methods.1: wandas is not known; write one of sparsegpt, wanda; did you mean wanda?"],
        ),
    ],
)
def test_a_mistake_stops_before_any_job(project, old, new, sentences):
    text = yaml.safe_dump(project.study)
    (project.folder / "wrong.yaml").write_text(edited(text, old, new))
    done = project.attempt(study="wrong.yaml")
    assert done.returncode == 1
    assert "The study cannot be run:" in done.stdout
    for sentence in sentences:
        assert re.search(rf"^wrong.yaml, line \d+: .*{re.escape(sentence)}", done.stdout, re.MULTILINE)
    assert "Traceback" not in done.stdout and ".smk" not in done.stdout
    assert not (project.folder / "results").exists()


def test_the_configuration_of_a_study_is_checked_without_snakemake(project):
    (project.folder / "tab.yaml").write_text("study: tab\n\tmodels: 3\n")
    for name, sentence in [("tab.yaml", "tab.yaml, line 2: this is not YAML"), ("none.yaml", "none.yaml is not there")]:
        command = [sys.executable, "-m", "workflow_scripts.commands.check", name]
        done = subprocess.run(command, cwd=project.folder, text=True, capture_output=True)
        assert done.returncode == 1
        assert sentence in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_failed_job_ends_with_its_sentence_its_log_and_how_to_go_on(project):
    # One document of 59 letters and blanks is no window of 61 tokens: only the tokenizer knows.
    project.study["calibration"] |= {"sampling": "long", "length": 61, "windows": 2}
    (project.folder / "many.yaml").write_text(yaml.safe_dump(project.study))
    log = "logs/sample_calibration/tiny/letters-2x61-long/aa/0.log"
    done = project.attempt("results/calibration/tiny/letters-2x61-long/aa/0.parquet", study="many.yaml")
    assert done.returncode == 1
    sentence = (
        "Corpus 'letters' has 0 calibration tokens of language 'aa' in documents longer than 61 tokens left for seed 0"
    )
    assert f"sample_calibration failed: {sentence}, which needs 122 (2 windows of 61" in done.stdout
    end = done.stdout[done.stdout.rindex("sample_calibration failed") :]
    assert f"log: {log}" in end
    assert "snakemake --cores 2 results/calibration/tiny/letters-2x61-long/aa/0.parquet --configfile many.yaml" in end
    assert "take fewer or shorter windows, fewer seeds, or a larger corpus" in (project.folder / log).read_text()


def test_every_rule_has_a_step_a_log_and_an_environment():
    for path in sorted((ROOT / "rules").glob("*.smk")):
        for rule in path.read_text().split("\nrule ")[1:]:
            name = rule.partition(":")[0]
            assert (ROOT / "workflow_scripts/steps" / f"{name}.py").is_file()
            assert f"logs/{name}/" in rule
            assert '"../envs/polyprune.yaml"' in rule
            assert f"python -m workflow_scripts.steps.{name} " in rule


def test_several_studies_at_once_are_refused(project):
    project.write_study()
    command = project._command("-n", study="studies/smoke.yaml")
    done = subprocess.run(**command | {"args": [*command["args"], "study.yaml"]})
    assert done.returncode == 1
    assert re.search(r"--configfile names several studies.*smoke\.yaml.*study\.yaml\. Name one", done.stdout)


def test_the_report_tells_what_config_set(project):
    project.write_study()
    report = "results/reports/other/report.html"
    done = project.attempt("-n", "-p", report, "--config", "study=other", "keep={dense: false}")
    assert done.returncode == 0, done.stdout
    (words,) = re.findall(r"--command (.+) --setup ", done.stdout)
    (command,) = shlex.split(words)
    assert shlex.split(command)[3:] == [
        "--config",
        "study=other",
        'keep={"dense": "false"}',
        "--configfile",
        "study.yaml",
    ]


def test_a_gpu_that_is_not_here_is_said_and_refused_where_jobs_run_here(project):
    study = yaml.safe_load(yaml.safe_dump(project.study)) | {"compute": {"threads": 100_000}}
    (project.folder / "threads.yaml").write_text(yaml.safe_dump(study))
    planned, done = project.attempt("-n", study="threads.yaml"), project.attempt(study="threads.yaml")
    sentence = f"compute.threads is 100000, and this machine has {len(os.sched_getaffinity(0))} cores"
    assert (planned.returncode, done.returncode) == (0, 1)
    assert sentence in planned.stdout and sentence in done.stdout
    assert "Finished jobid" not in done.stdout


def test_a_second_run_in_a_folder_names_the_first(project):
    first = project.start()
    try:
        wait_for(lambda: next((project.folder / ".snakemake/locks").glob("*"), None), "the first run's lock")
        second = project.attempt()
        assert second.returncode == 1
        assert f"A run already works in this folder: process {first.pid} of this machine, since" in second.stdout
        assert project.attempt("-n").returncode == 0
    finally:
        first.terminate()
        first.wait()
        shutil.rmtree(project.folder / "results", ignore_errors=True)
        shutil.rmtree(project.folder / ".snakemake", ignore_errors=True)


CALLER = """
configfile: "mine.yaml"
module polyprune:
    snakefile: "Snakefile"
    config: config
use rule * from polyprune as polyprune_*
"""


def test_another_workflow_uses_polyprune_as_a_module(project):
    """Jobs run from the caller's folder, and a mistake is one of the caller's file."""
    home = project.folder / "caller"
    home.mkdir()
    (home / "inputs").symlink_to(project.folder / "inputs")
    (home / "Snakefile").write_text(CALLER.replace('"Snakefile"', f'"{project.folder}/Snakefile"'))
    (home / "mine.yaml").write_text(yaml.safe_dump(project.study | {"calibration": tiny_study()["calibration"]}))
    target = "results/corpora/letters/aa.parquet"
    command = project._command(target) | {"cwd": home}
    command["args"] = command["args"][: command["args"].index("--configfile")]
    done = subprocess.run(**command)
    assert done.returncode == 0, done.stdout
    assert (home / target).is_file()
    (home / "mine.yaml").write_text((home / "mine.yaml").read_text().replace("windows:", "windos:"))
    done = subprocess.run(**command)
    assert done.returncode == 1
    assert re.search(r"^mine.yaml, line \d+: calibration.windos: there is no such key", done.stdout, re.MULTILINE)
