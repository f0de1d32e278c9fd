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


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--config", "study"], "--config takes all words after it as key=value, and study is none"),
        (["-C", "study=a", "masks"], "and masks is none: put targets before it"),
        (["--configfile", "none.yaml", "--config", "study=a"], "none.yaml is not there"),
        (["none.yaml", "-n"], "none.yaml is not there"),
        (["a.yaml", "--configfile", "b.yaml"], "--configfile takes"),
    ],
)
def test_a_command_line_that_snakemake_would_trace_back_is_a_sentence(capsys, monkeypatch, words, sentence):
    monkeypatch.setattr(commands.os, "execv", lambda *_: pytest.fail("Snakemake was called"))
    assert commands.main(["run", *words]) == 1
    assert sentence in capsys.readouterr().err


def test_a_study_may_stand_by_itself_as_other_commands_take_it(monkeypatch):
    called = []
    monkeypatch.setattr(commands.os, "execv", lambda python, command: called.append(command))
    commands.main(["run", "config.yaml", "masks", "-n"])
    assert called[0][-4:] == ["masks", "-n", "--configfile", "config.yaml"]


@pytest.mark.parametrize(
    ("word", "meant"), [("chekc", "check"), ("Check", "check"), ("prune-model", "prune_model"), ("RUN", "run")]
)
def test_a_misspelled_command_is_told_the_right_one(capsys, word, meant):
    assert commands.main([word]) == 2
    assert capsys.readouterr().err.endswith(f"did you mean {meant}?\n")


def test_the_version_needs_no_command(capsys):
    assert commands.main(["--version"]) == 0
    assert capsys.readouterr().out == f"polyprune {workflow_scripts.__version__}\n"


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


@pytest.mark.parametrize(
    ("words", "studies"),
    [
        (["--configfile=a.yaml", "masks"], ["a.yaml"]),
        (["--configfile", "a.yaml", "masks", "-n", "b.yaml"], ["a.yaml", "masks"]),
        (["masks", "--configfile", "a.yaml", "--configfile=b.yaml"], ["a.yaml", "b.yaml"]),
    ],
)
def test_an_option_takes_the_words_that_snakemake_would_take(words, studies):
    assert commands.following(words, commands.CONFIGFILE) == studies
