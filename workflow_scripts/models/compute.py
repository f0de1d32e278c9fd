"""What a step is told of where and how precisely to compute. Imports no torch unless only torch can tell."""

import sys
from pathlib import Path
from typing import Protocol


class Compute(Protocol):
    """Parameters that say where and how precisely to compute."""

    threads: int
    device: str
    dtype: str


def settled_names(compute: Compute, directory: Path) -> dict[str, str]:
    """Device and dtype for the model of `directory` as provenances spell them: what `auto` comes to on this machine.

    Raises:
        ValueError: the device asked for is not there.
    """
    if compute.device == "cpu" or (compute.device == "auto" and has_no_accelerator()):
        return {"device": "cpu", "dtype": "float32" if compute.dtype == "auto" else compute.dtype}
    from workflow_scripts.models.device import settle

    _, _, names = settle(compute, directory)
    return names


def has_no_accelerator(devices: Path = Path("/dev")) -> bool:
    """Whether torch would certainly find nothing but the CPU: Linux without a device file of Nvidia's, AMD's or WSL's."""
    return sys.platform == "linux" and not any(
        path for pattern in ("nvidia[0-9]*", "nvidiactl", "kfd", "dxg") for path in devices.glob(pattern)
    )
