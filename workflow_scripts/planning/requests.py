"""What jobs ask of a cluster: memory and time, from the size of the model and the windows."""

from collections.abc import Iterable, Iterator, Mapping
from math import ceil
from pathlib import Path

import torch

from workflow_scripts.models.blocks import UnsupportedArchitecture
from workflow_scripts.planning.effort import COSTS, NEEDS_SHAPE, Cost, Setting
from workflow_scripts.planning.jobs import JobKind
from workflow_scripts.planning.machine import measure_rate
from workflow_scripts.planning.models import Hub, Unavailable, Unknown, configured_shape, read_shape
from workflow_scripts.planning.shapes import ModelShape
from workflow_scripts.study import ModelSource, Study

BESIDE = 1e9
"""Bytes for the two processes of Snakemake that every job of a cluster has around it, and for what no estimate counts."""
MEMORY_MARGIN = 1.25
BEGINNING = 15 * 60
"""Seconds for a node that begins slowly, and a file system that answers slowly."""
TIME_MARGIN = 3.0
"""For nodes that are slower than the machine that estimates: an estimate is right within a factor of two."""
GPU_RATE = 3e13
"""Operations a second that any GPU reaches on which such models are pruned; the machine that submits may have none."""
UNKNOWN = Cost(seconds=3 * 3600.0, memory=24e9)
"""Asked for a job on a model whose size is not known."""


def request_rows(
    kinds: Iterable[JobKind], shapes: Mapping[str, ModelShape | None], setting: Setting
) -> Iterator[dict[str, str | int]]:
    """What a job of each kind asks for the first time: rule, model, method, pattern ("" where a kind has none); `mem_mb`, in
    megabytes of 10^6 bytes, and `runtime`, in minutes, as Snakemake has them."""
    for kind in kinds:
        lacking = kind.task in NEEDS_SHAPE and shapes.get(kind.model) is None
        cost = UNKNOWN if lacking else COSTS[kind.task](kind, shapes.get(kind.model), setting)
        yield {
            "rule": kind.rule,
            "model": kind.model or "",
            "method": kind.method or "",
            "pattern": kind.pattern or "",
            "mem_mb": ceil((BESIDE + MEMORY_MARGIN * cost.memory) / 1e6),
            "runtime": ceil((BEGINNING + TIME_MARGIN * cost.seconds) / 60),
        }


def find_shapes(study: Study, prepared: Path, hub: Hub) -> dict[str, ModelShape | None]:
    """Model -> its shape, None where it is not known yet; a prepared model is read from its folder below `prepared`."""
    return {name: _shape(source, prepared / name, hub) for name, source in study.models.items()}


def _shape(source: ModelSource, folder: Path, hub: Hub) -> ModelShape | None:
    try:
        if (folder / "config.json").is_file():
            return configured_shape(folder, source.trust_remote_code)
        return read_shape(source, hub)
    except (Unavailable, Unknown, UnsupportedArchitecture):
        # Whether that stops the study is for its steps to say.
        return None


def assumed_setting(study: Study, on_gpu: bool, tokens_per_document: float) -> Setting:
    """What costs depend on, where jobs run elsewhere: on a CPU like this one, or on some GPU."""
    asked = study.compute.dtype
    dtype = getattr(torch, asked) if asked != "auto" else None if on_gpu else torch.float32
    rate = GPU_RATE if on_gpu else measure_rate("cpu", dtype or torch.bfloat16, study.compute.threads)
    return Setting(study, rate, dtype.itemsize if dtype else 0, tokens_per_document)
