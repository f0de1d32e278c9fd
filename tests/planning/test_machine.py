"""What is asked of the machine, where the answer can be laid out by hand."""

import json
import sys

import pytest
import torch

from workflow_scripts.planning import machine


@pytest.fixture
def groups(tmp_path):
    """Control groups of the second version, and a process in /a/b."""
    own = tmp_path / "cgroup"
    own.write_text("0::/a/b\n")
    (tmp_path / "fs/a/b").mkdir(parents=True)
    return tmp_path / "fs", own


def test_the_lowest_limit_of_all_groups_counts(groups):
    root, own = groups
    (root / "a/memory.max").write_text("4000000000\n")
    (root / "a/b/memory.max").write_text("max\n")
    assert machine.memory_limit(root, own) == 4_000_000_000
    (root / "a/b/memory.max").write_text("2000000000\n")
    assert machine.memory_limit(root, own) == 2_000_000_000


def test_no_limit_is_none(groups, tmp_path):
    root, own = groups
    assert machine.memory_limit(root, own) is None
    assert machine.memory_limit(tmp_path / "absent", tmp_path / "absent") is None


def test_the_limit_of_the_first_version(tmp_path):
    (tmp_path / "memory").mkdir()
    limit = tmp_path / "memory" / "memory.limit_in_bytes"
    limit.write_text("3000000000\n")
    assert machine.memory_limit(tmp_path, tmp_path / "absent") == 3_000_000_000
    # What the kernel writes where there is none.
    limit.write_text("9223372036854771712\n")
    assert machine.memory_limit(tmp_path, tmp_path / "absent") is None


def test_free_disk_of_a_folder_to_come(tmp_path):
    assert machine.free_disk(tmp_path / "not" / "there") > 0


def test_the_packages_that_polyprune_names_are_read_from_the_lock():
    pins = machine.locked()
    assert pins["torch"] == "2.13.0"
    assert {"snakemake", "transformers", "accelerate", "numpy"} <= pins.keys()
    assert "absl-py" not in pins


def test_a_package_that_is_missing_is_fatal_and_another_version_is_not(monkeypatch):
    versions = {"torch": "1.0", "transformers": None, "snakemake": "9.1"}
    monkeypatch.setattr(machine, "installed", lambda name: versions.get(name, machine.locked()[name]))
    fatal, minor = machine.version_problems()
    assert any(sentence.startswith("Package transformers is not installed: pip install") for sentence in fatal)
    assert any(sentence.startswith("snakemake is 9.1, at least 9.27 is needed") for sentence in fatal)
    assert minor == ["torch is 1.0, the lock file says 2.13.0: pip install -r envs/requirements.txt."]


def test_a_local_build_of_the_locked_version_is_that_version(monkeypatch):
    monkeypatch.setattr(machine, "installed", lambda name: f"{machine.locked()[name]}+cpu")
    assert machine.version_problems()[1] == []


def test_another_python_is_fatal(monkeypatch):
    monkeypatch.setattr(machine.platform, "python_version_tuple", lambda: ("3", "9", "1"))
    monkeypatch.setattr(machine.platform, "python_version", lambda: "3.9.1")
    assert machine.version_problems()[0][0] == "Python is 3.9.1, polyprune is for 3.11: make an environment of 3.11."


def test_the_rate_is_that_of_a_computer():
    assert 1e8 < machine.measure_rate("cpu", torch.float32, threads=1, size=128, seconds=0.01) < 1e13


def test_a_token_is_said_to_be_there_and_not_shown(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    found = machine.ask_machine(machine.LOCK.parent)
    assert found.token and "secret" not in json.dumps(vars(found), default=str)
    assert found.hub.offline and not found.hub.reachable
    assert found.cores >= 1 and sys.maxsize > found.memory > 0
