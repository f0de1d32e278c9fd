"""What jobs ask of a cluster: memory and time, from the size of the model and the windows."""

from collections.abc import Iterable, Iterator, Mapping
from math import ceil
from pathlib import Path

from workflow_scripts.models.blocks import UnsupportedArchitecture
from workflow_scripts.planning.effort import Cost, Setting, cost_of
from workflow_scripts.planning.jobs import JobKind
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
UNKNOWN = Cost(seconds=3 * 3600.0, memory=24e9)
"""Asked for a job on a model whose size is not known."""


def request_rows(
    kinds: Iterable[JobKind], shapes: Mapping[str, ModelShape | None], setting: Setting
) -> Iterator[dict[str, str | int]]:
    """What a job of each kind asks for the first time: rule, model, method, pattern ("" where a kind has none); `mem_mb`, in
    megabytes of 10^6 bytes, and `runtime`, in minutes, as Snakemake has them."""
    for kind in kinds:
        cost = cost_of(kind, shapes, setting) or UNKNOWN
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
