"""The machine's own copy of a model: made once, whole, and the same numbers as without."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from tests.conftest import tiny_model
from workflow_scripts.models import scratch
from workflow_scripts.models.checkpoint import Checkpoint, load_model
from workflow_scripts.models.scratch import SCRATCH, nearby, scratch_folder


@pytest.fixture
def directory(tmp_path):
    """A checkpoint of which a file is a link, as in the results."""
    tiny_model("llama").save_pretrained(tmp_path / "elsewhere")
    made = tmp_path / "tiny"
    made.mkdir()
    for path in (tmp_path / "elsewhere").iterdir():
        (made / path.name).symlink_to(path)
    return made


@pytest.fixture
def local(tmp_path, monkeypatch):
    """A scratch with a name that only this machine knows."""
    monkeypatch.setenv("LOCAL_DISK", str(tmp_path / "local"))
    monkeypatch.setenv(SCRATCH, "$LOCAL_DISK/${USERNAME_OF_TEST}")
    monkeypatch.setenv("USERNAME_OF_TEST", "me")
    return tmp_path / "local" / "me"


def test_without_scratch_a_model_is_read_where_it_is(directory, monkeypatch):
    monkeypatch.delenv(SCRATCH, raising=False)
    assert nearby(directory) == directory


def test_a_model_is_copied_once_and_read_there(directory, local, monkeypatch):
    expected = load_model(directory, torch.float32, "cpu").state_dict()
    (copy,) = [path for path in (local / scratch.MODELS).iterdir() if not path.name.startswith(".")]
    assert {path.name for path in copy.iterdir()} == {path.name for path in directory.iterdir()}
    monkeypatch.setattr(scratch.shutil, "copy2", lambda *given: pytest.fail("copied again"))
    found = load_model(directory, torch.float32, "cpu").state_dict()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    model = load_model(directory, torch.float32, "cpu")
    assert {path.parent for path in Checkpoint(directory, model)._file_of.values()} == {copy}


def test_jobs_that_start_together_copy_once(directory, local, monkeypatch):
    copied = []
    copy2 = shutil.copy2
    monkeypatch.setattr(scratch.shutil, "copy2", lambda *given: copied.append(given[0].name) or copy2(*given))
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(nearby, [directory] * 4))) == 1
    assert sorted(copied) == sorted(path.name for path in directory.iterdir())


def test_another_file_makes_another_copy(directory, local):
    before = nearby(directory)
    file = directory.parent / "elsewhere" / "model.safetensors"
    os.utime(file, (1, 1))
    assert nearby(directory) != before
    assert before.is_dir(), "a job may still read it"


def test_a_disk_of_coarse_times_keeps_its_copy(directory, local, monkeypatch):
    copy = nearby(directory)
    for path in copy.iterdir():
        os.utime(path, (7, 7))
    monkeypatch.setattr(scratch.shutil, "copy2", lambda *given: pytest.fail("copied again"))
    assert nearby(directory) == copy


def test_a_copy_that_lost_a_file_is_made_again(directory, local):
    copy = nearby(directory)
    (copy / "model.safetensors").unlink()
    assert nearby(directory) == copy
    assert (copy / "model.safetensors").is_file()


def test_a_copy_that_was_interrupted_is_made_anew(directory, local, monkeypatch):
    def interrupt(*given):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(scratch.shutil, "copy2", interrupt)
        with pytest.raises(KeyboardInterrupt):
            nearby(directory)
    assert list((local / scratch.MODELS).glob(".*.part"))

    def disk_usage(folder):
        assert not list(folder.glob(".*.part")), "what was left takes no room from what is to come"
        return shutil._ntuple_diskusage(2**40, 0, 2**40)

    monkeypatch.setattr(scratch.shutil, "disk_usage", disk_usage)
    assert scratch._files(nearby(directory)) == scratch._files(directory)


def test_without_room_the_model_is_read_where_it_is(directory, local, monkeypatch, caplog):
    monkeypatch.setattr(scratch.shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10, 9, 1))
    assert nearby(directory) == directory
    assert "is read where it is" in caplog.text


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ("$NO_SUCH_VARIABLE/x", r"\$NO_SUCH_VARIABLE is not set on this machine"),
        ("scratch", "is no absolute path"),
        ("/proc/nothing", "cannot be made"),
    ],
)
def test_a_folder_that_cannot_be_is_told(said, complaint, monkeypatch):
    monkeypatch.setenv(SCRATCH, said)
    with pytest.raises(ValueError, match=f"{SCRATCH}={'.*' if '$' in said else said}.*{complaint}"):
        scratch_folder()
