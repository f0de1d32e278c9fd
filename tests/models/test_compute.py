"""What a device and a dtype come to is the same whether torch is asked or not."""

from types import SimpleNamespace

import pytest

from workflow_scripts.models import compute
from workflow_scripts.models.device import settle


@pytest.mark.parametrize("device", ["auto", "cpu"])
@pytest.mark.parametrize("dtype", ["auto", "float32", "bfloat16", "float64"])
def test_names_are_those_that_torch_gives(checkpoint, monkeypatch, device, dtype):
    given = SimpleNamespace(threads=1, device=device, dtype=dtype)
    _, _, names = settle(given, checkpoint.parent)
    assert compute.settled_names(given, checkpoint.parent) == names
    monkeypatch.setattr(compute, "has_no_accelerator", lambda: False)
    assert compute.settled_names(given, checkpoint.parent) == names


def test_a_device_that_is_not_there_is_refused(checkpoint):
    with pytest.raises(ValueError, match="compute.device is mps, which this machine does not offer"):
        compute.settled_names(SimpleNamespace(threads=1, device="mps", dtype="auto"), checkpoint.parent)


@pytest.mark.parametrize("file", ["nvidia0", "nvidiactl", "kfd", "dxg"])
def test_any_device_file_of_an_accelerator_leaves_it_to_torch(tmp_path, monkeypatch, file):
    monkeypatch.setattr("sys.platform", "linux")
    (tmp_path / "null").touch()
    assert compute.has_no_accelerator(tmp_path)
    (tmp_path / file).touch()
    assert not compute.has_no_accelerator(tmp_path)
    monkeypatch.setattr("sys.platform", "darwin")
    (tmp_path / file).unlink()
    assert not compute.has_no_accelerator(tmp_path)
