"""`python -m workflow_scripts`: what it lists, and what it runs."""

import sys

import pytest

import workflow_scripts
from tests.in_process import run_here
from workflow_scripts import __main__ as commands

COMMANDS = [
    "workflow_scripts.commands.verify",
    "workflow_scripts.commands.progress",
    "workflow_scripts.commands.recover",
    "workflow_scripts.commands.doctor",
]


def test_every_command_and_step_is_listed_in_a_line(capsys):
    assert commands.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    named = {line.split()[0] for line in lines if line.startswith("  ")}
    assert {"run", "check", "doctor", "verify", "prune_model", "write_report"} <= named
    assert not {"cli", "paths", "admission", "study"} & named
    assert all(len(line) < 160 and not line.endswith(" ") for line in lines)


def test_a_command_that_is_not_there_is_said(capsys):
    assert commands.main(["nosuch"]) == 2
    assert "There is no command or step 'nosuch'; python -m workflow_scripts lists them." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "is not there: write the path from the folder you start in"),
        ("study: é".encode("utf-16"), "is not UTF-8"),
        (b"study: caf\xe9", "is not UTF-8"),
        (b"study: x\n\tmodels: 3\n", "line 2: this is not YAML"),
        (b"studdy: x\n", "studdy: there is no such key; did you mean study?"),
    ],
)
def test_a_run_says_in_sentences_what_is_wrong_with_its_study(tmp_path, capsys, monkeypatch, content, sentence):
    monkeypatch.setattr(commands.os, "execv", lambda *_: pytest.fail("Snakemake was called"))
    if content is not None:
        (tmp_path / "study.yaml").write_bytes(content)
    for words in (["--configfile", f"{tmp_path}/study.yaml", "-n"], ["-n", f"--configfile={tmp_path}/study.yaml"]):
        assert commands.main(["run", *words]) == 1
        said = capsys.readouterr()
        assert sentence in said.err and "Traceback" not in said.err


@pytest.mark.parametrize(("words", "cores"), [([], True), (["-n"], True), (["--cores", "2"], False), (["-j4"], False)])
def test_a_study_that_is_right_is_run_by_snakemake(monkeypatch, words, cores):
    called = []
    monkeypatch.setattr(commands.os, "execv", lambda python, command: called.append(command))
    commands.main(["run", *words])
    [command] = called
    assert command[:3] == [sys.executable, "-m", "snakemake"] and command[-len(words) or len(command) :] == words
    assert ("all" in command) == cores


def test_what_follows_a_configfile_is_named_as_snakemake_takes_it(capsys):
    assert commands.main(["run", "-n", "--configfile", "a.yaml", "results/x.parquet", "--cores", "2"]) == 1
    assert "takes all words after it as studies (a.yaml, results/x.parquet)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "module", [*COMMANDS, "workflow_scripts.commands.reference", "workflow_scripts.steps.prune_model"]
)
def test_the_version_is_polyprune_s(module):
    done = run_here([sys.executable, "-m", module, "--version"])
    assert (done.returncode, done.stdout.strip()) == (0, f"polyprune {workflow_scripts.__version__}")


@pytest.mark.parametrize("form", [["nosuch.yaml"], ["--configfile", "nosuch.yaml"]])
@pytest.mark.parametrize("module", COMMANDS[:3])
def test_a_study_that_is_not_there_is_a_sentence_whatever_the_command(module, form):
    done = run_here([sys.executable, "-m", module, *form])
    assert done.returncode == 1
    assert done.stderr.strip() == "nosuch.yaml is not there: write the path from the folder you start in."


def test_help_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("workflow_scripts.commands.reference.DOCS", tmp_path / "docs")
    done = run_here([sys.executable, "-m", "workflow_scripts.commands.reference", "--help"])
    assert done.returncode == 0 and "Usage" in done.stdout
    assert not (tmp_path / "docs").exists()
