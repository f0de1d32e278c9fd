"""`--sdm conda` with a stand-in conda: one environment, of the lock's pins, whose python runs the steps; the container's way to run."""

import os
import re
import sys

import pytest

from tests.test_environments import ENVS, pins
from tests.workflow.project import CODE, Project
from tests.workflow.test_generic_cluster import write_commands

DOCUMENTS = "results/corpora/letters/aa.parquet"

CONDA = """#!/bin/bash
case "$1 $2" in
  "info --json") echo '{"conda_prefix": "PREFIX", "platform": "linux-64"}' ;;
  "--version ") echo "conda 25.1.0" ;;
  "config --get") echo '{"get": {"channel_priority": "strict"}}' ;;
  "env create")
    file=$(sed 's/.*--file[= ]"\\{0,1\\}\\([^" ]*\\).*/\\1/' <<< "$*")
    prefix=$(sed 's/.*--prefix[= ]"\\{0,1\\}\\([^" ]*\\).*/\\1/' <<< "$*")
    cp "$file" "PREFIX/asked-$(basename "$prefix").yaml"
    mkdir -p "$prefix/bin"
    printf '#!/bin/sh\\necho "$@" >> PREFIX/ran\\nexec PYTHON "$@"\\n' > "$prefix/bin/python"
    chmod +x "$prefix/bin/python" ;;
esac
"""
ACTIVATE = 'export PATH="$1/bin:$PATH"\n'


@pytest.fixture
def conda(tmp_path, monkeypatch):
    """The folder of a stand-in conda on the path, whose environments run this Python."""
    prefix = tmp_path / "conda"
    prefix.mkdir()
    text = CONDA.replace("PREFIX", str(prefix)).replace("PYTHON", sys.executable)
    write_commands(prefix / "bin", conda=text, activate=ACTIVATE)
    monkeypatch.setenv("PATH", f"{prefix / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return prefix


def test_conda_makes_one_environment_of_the_lock_and_its_python_runs_the_steps(tmp_path, conda):
    project = Project(tmp_path / "project")
    said = project.snakemake(DOCUMENTS, "--sdm", "conda")
    (asked,) = conda.glob("asked-*.yaml")
    assert pins(re.sub(r"(?m)^ +- ", "", asked.read_text())) == pins((ENVS / "requirements.txt").read_text())
    assert said.count("Creating conda environment") == 1
    assert (conda / "ran").read_text().startswith("-m workflow_scripts.steps.collect_documents")


def test_conda_makes_anew_what_pip_made_unless_told_otherwise(tmp_path, conda):
    project = Project(tmp_path / "project")
    project.snakemake(DOCUMENTS)
    assert "Software environment definition has changed" in project.snakemake(DOCUMENTS, "-n", "--sdm", "conda")
    triggers = ("--rerun-triggers", "code", "input", "mtime", "params")
    assert "Nothing to be done" in project.snakemake(DOCUMENTS, "-n", *triggers, "--sdm", "conda")


def test_without_conda_a_sentence_says_so_before_any_job(tmp_path):
    project = Project(tmp_path / "project")
    project.write_study()
    done = project.attempt(DOCUMENTS, "--sdm", "conda")
    assert done.returncode == 1
    assert "Is conda installed and accessible?" in done.stdout
    assert not (project.folder / "results").exists()


def test_code_of_one_folder_runs_a_study_of_another_as_in_the_container(tmp_path):
    code = Project(tmp_path / "opt")
    study = code.copied(tmp_path / "work", *CODE)
    said = study.snakemake(DOCUMENTS, "-s", str(code.folder / "Snakefile"))
    assert (study.folder / DOCUMENTS).is_file() and not (code.folder / "results").exists()
    # The profile is found beside the code.
    assert f"Using workflow specific profile {code.folder / 'profiles/default'}" in said
