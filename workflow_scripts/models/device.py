"""Where and how precisely a model computes. All that depends on the machine is decided here."""

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig

from workflow_scripts.models.compute import Compute
from workflow_scripts.models.remote_code import is_trusted


def settle(compute: Compute, directory: Path) -> tuple[str, torch.dtype, dict[str, Any]]:
    """Set threads and numerics; device and dtype to load the model of `directory` with, and both as provenance spells them.

    Raises:
        ValueError: the device asked for is not there.
    """
    set_numerics(compute.threads)
    device = resolve_device(compute.device)
    dtype = resolve_dtype(compute.dtype, device, directory)
    return device, dtype, {"device": device.partition(":")[0], "dtype": str(dtype).removeprefix("torch.")}


def resolve_device(device: str) -> str:
    """`auto` becomes cuda, mps or cpu, whichever comes first on this machine; other names must be available.

    Raises:
        ValueError: the device asked for is not there.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device == "auto":
        return next(name for name, there in available.items() if there)
    if not available.get(device.partition(":")[0], False):
        there = ", ".join(name for name, there in available.items() if there)
        raise ValueError(f"compute.device is {device}, which this machine does not offer: use auto or one of {there}.")
    return device


def resolve_dtype(dtype: str, device: str, directory: Path) -> torch.dtype:
    """`auto` becomes float32 on the CPU and the checkpoint's own dtype elsewhere."""
    if dtype != "auto":
        return getattr(torch, dtype)
    if device == "cpu":
        return torch.float32
    config = AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=is_trusted(directory))
    return config.dtype or torch.float32


def set_numerics(threads: int) -> None:
    """Fix what decides the last bits of a result: the number of threads, and no TF32 in products of float32."""
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False


class Mover:
    """Moves modules to a device; on a GPU ahead of time, beside the work that goes on there.

    Attributes:
        overlaps: whether `send` works beside the computation.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self.overlaps = device.startswith("cuda")
        self._stream = torch.cuda.Stream(device) if self.overlaps else None

    def send(self, module: nn.Module) -> None:
        """Start to move a module to the GPU; not to be used there before `receive`."""
        with torch.cuda.stream(self._stream):
            for tensor in (*module.parameters(), *module.buffers()):
                # Only from pinned memory does a copy run beside the computation.
                tensor.data = tensor.data.pin_memory().to(self._device, non_blocking=True)

    def receive(self, module: nn.Module) -> None:
        """Have a module on the device, sent before or not."""
        if self._stream is not None:
            computing = torch.cuda.current_stream(self._device)
            computing.wait_stream(self._stream)
            for tensor in (*module.parameters(), *module.buffers()):
                if tensor.is_cuda:
                    # Made on the other stream: its memory must not be given away while this one reads it.
                    tensor.record_stream(computing)
        module.to(self._device)


def free_memory(device: str) -> int | None:
    """Free bytes of a GPU; None for devices that share the memory of the machine."""
    return torch.cuda.mem_get_info(device)[0] if device.startswith("cuda") else None
