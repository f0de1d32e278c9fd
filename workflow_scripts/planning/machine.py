"""What this machine offers: the one module of planning that asks it."""

import os
import platform
import re
import shutil
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
import torch
from packaging.version import Version

from workflow_scripts.models.device import resolve_device
from workflow_scripts.models.memory import memory_limit
from workflow_scripts.planning.models import Hub

LOCK = Path(__file__).parents[2] / "envs" / "requirements.txt"
SUPPORTED_PYTHON = (3, 11)
MINIMUM_SNAKEMAKE = "9.27"
"""As in the Snakefile."""
HUB_TIMEOUT = 3.0
"""Seconds."""


@dataclass(frozen=True)
class Gpu:
    """A graphics processor and its memory in bytes, free and in all."""

    name: str
    free: int
    total: int


@dataclass(frozen=True)
class Machine:
    """What was found; sizes in bytes.

    Attributes:
        cores: cores that this process may use.
        memory: in all, or the limit of the control group where that is lower.
        available: not used at the moment.
        limit: limit of the control group, None where there is none.
        disk: free where results/ will be.
        token: whether a hub token is there; it is never read out.
    """

    cores: int
    memory: int
    available: int
    limit: int | None
    disk: int
    torch: str
    build: str
    gpus: tuple[Gpu, ...]
    hub: Hub
    token: bool


def ask_machine(results: Path) -> Machine:
    """What the machine offers to a run whose results go to `results`, which need not be there."""
    memory, limit = psutil.virtual_memory(), memory_limit()
    return Machine(
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory=min(memory.total, limit or memory.total),
        available=min(memory.available, limit or memory.available),
        limit=limit,
        disk=free_disk(results),
        torch=torch.__version__,
        build=torch_build(),
        gpus=find_gpus(),
        hub=ask_hub(),
        token=token_there(),
    )


def ask_hub() -> Hub:
    """Whether the hub may be asked, and answers."""
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
    return Hub(offline, not offline and hub_answers())


def free_disk(folder: Path) -> int:
    """Free bytes on the disk of a folder, or of the nearest folder above that is there."""
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    return shutil.disk_usage(there).free


def torch_build() -> str:
    """What torch was built for."""
    if torch.version.hip:
        return f"ROCm {torch.version.hip}"
    if torch.version.cuda:
        return f"CUDA {torch.version.cuda}"
    return "CPU and MPS" if torch.backends.mps.is_built() else "CPU"


def find_gpus() -> tuple[Gpu, ...]:
    """The graphics processors that torch can use."""
    if not torch.cuda.is_available():
        return ()
    return tuple(
        Gpu(torch.cuda.get_device_name(index), *torch.cuda.mem_get_info(index))
        for index in range(torch.cuda.device_count())
    )


def hub_answers() -> bool:
    """Whether the hub, or the mirror that HF_ENDPOINT names, answers at all within a few seconds."""
    request = urllib.request.Request(os.environ.get("HF_ENDPOINT") or "https://huggingface.co", method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=HUB_TIMEOUT)
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False
    return True


def token_there() -> bool:
    """Whether huggingface_hub finds a token; which one is of no concern."""
    from huggingface_hub import get_token

    return get_token() is not None


def version_problems() -> tuple[list[str], list[str]]:
    """(what will fail, what differs from the lock file), a sentence each, remedy included."""
    fatal, minor = [], []
    if platform.python_version_tuple()[:2] != tuple(map(str, SUPPORTED_PYTHON)):
        wanted = ".".join(map(str, SUPPORTED_PYTHON))
        fatal.append(
            f"Python is {platform.python_version()}, polyprune is for {wanted}: make an environment of {wanted}."
        )
    for name, wanted in locked().items():
        found = installed(name)
        if found is None:
            fatal.append(f"Package {name} is not installed: pip install -r envs/requirements.txt.")
        elif name == "snakemake" and Version(found) < Version(MINIMUM_SNAKEMAKE):
            fatal.append(
                f"snakemake is {found}, at least {MINIMUM_SNAKEMAKE} is needed: pip install -r envs/requirements.txt."
            )
        elif found.partition("+")[0] != wanted:
            minor.append(f"{name} is {found}, the lock file says {wanted}: pip install -r envs/requirements.txt.")
    return fatal, minor


def locked(lock: Path = LOCK) -> dict[str, str]:
    """Package -> version in the lock file, of those that polyprune names itself; empty where there is no lock file."""
    if not lock.is_file():
        return {}
    pins = re.findall(
        r"^(\S+)==(\S+)\n    # via(?: -r requirements\.in\n|\n    #   -r requirements\.in\n)", lock.read_text(), re.M
    )
    return dict(pins)


def installed(package: str) -> str | None:
    """Version of a package, None when it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def measure_rate(device: str, dtype: torch.dtype, threads: int, size: int = 1024, seconds: float = 1.0) -> float:
    """Floating-point operations a second of matrix products, the best of a second: others may use the machine."""
    torch.set_num_threads(threads)
    a, b = (torch.rand(size, size, device=device).to(dtype) for _ in range(2))
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end or best == float("inf"):
        start = time.perf_counter()
        product = a @ b
        # Reading a number waits for the device.
        product[0, 0].item()
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


def usable_device(asked: str) -> str:
    """The device of `compute.device`; raises ValueError when it is not there."""
    return resolve_device(asked)
