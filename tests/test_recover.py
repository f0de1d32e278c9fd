"""What is said where a folder cannot be cleared up: a sentence, and nothing is done."""

import pytest

from workflow_scripts.commands import recover
from workflow_scripts.runtime.mistakes import Mistake
from workflow_scripts.wiring import cluster


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Makes commands of SLURM's from lines of shell, in a folder that is a run's, of which a job is in the queue."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()

    def make(**scripts):
        for name, script in scripts.items():
            (bin_ / name).write_text(f"#!/bin/sh\n{script}\n")
            (bin_ / name).chmod(0o755)

    monkeypatch.setenv("PATH", f"{bin_}:/bin:/usr/bin")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recover, "read_file", lambda *_, **__: None)
    make(squeue=f"echo '7|polyprune_a|{tmp_path}'", scancel="exit 0")
    return make


def refused(**given) -> str:
    with pytest.raises(Mistake) as raised:
        recover.recover(**given)
    return str(raised.value)


def test_a_queue_that_does_not_answer_leaves_the_folder_locked(slurm):
    slurm(squeue="echo Unable to contact; echo slurm controller >&2; exit 1")
    assert refused().startswith("SLURM does not answer (squeue: slurm controller), so whether jobs")
    slurm(squeue="exit 3")
    assert "(squeue: exit code 3)" in refused()


def test_jobs_that_cannot_be_ended_leave_the_folder_locked(slurm, tmp_path, monkeypatch):
    slurm(scancel="echo Access denied >&2; exit 1")
    assert "(scancel: Access denied)" in refused()
    (tmp_path / "bin" / "scancel").unlink()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert "(scancel: No such file or directory)" in refused()


def test_jobs_that_do_not_end_are_named(slurm):
    assert refused(patience=0.0) == "SLURM still holds 7 after 0 s: look at squeue --me."


def test_a_silent_queue_is_given_up(slurm, monkeypatch):
    monkeypatch.setattr(cluster, "SILENCE", 0.2)
    slurm(squeue="exec sleep 5")
    assert "(squeue: silent for 0.2 s)" in refused()


def test_without_slurm_the_folder_is_unlocked_and_that_is_said(slurm, monkeypatch, capsys):
    for module in (cluster, recover):
        monkeypatch.setattr(module, "which", lambda command: None)
    recover.recover()
    said = capsys.readouterr().out
    assert "Ended 0 jobs and unlocked the folder" in said and "squeue is not here" in said


def test_a_folder_that_cannot_be_unlocked_is_said_in_a_sentence(slurm, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    (tmp_path / "study.yaml").write_text("study: x\n")
    sentence = refused(configfile=tmp_path / "study.yaml")
    assert sentence.startswith("The folder could not be unlocked (") and "\n" not in sentence
