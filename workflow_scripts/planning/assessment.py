"""Put machine, study and models together: what a run needs, and what stands in its way."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import torch

from workflow_scripts.artifacts.paths import variant_folder
from workflow_scripts.corpora.sources import embedded
from workflow_scripts.models.blocks import UnsupportedArchitecture
from workflow_scripts.planning.effort import FLOAT32, ON_GPU, Setting, Stage, gpu_bytes, stages, total_seconds
from workflow_scripts.planning.jobs import documents_read, job_kinds
from workflow_scripts.planning.machine import Machine, measure_rate, usable_device, version_problems
from workflow_scripts.planning.models import Unavailable, Unknown, read_shape
from workflow_scripts.planning.shapes import ModelShape
from workflow_scripts.planning.storage import Artifacts, artifacts, needed_bytes
from workflow_scripts.study import EmbeddedCorpus, Study

BYTES_PER_TOKEN = 4.0
"""Of text, for tokenizers of multilingual models in Latin script; the embedded corpus has 3 to 4.6 with Gemma's."""


GPU_RATE = 3e13
"""Operations a second that any GPU reaches on which such models are pruned; the machine that plans may have none."""


@dataclass
class Problems:
    """What stands in a run's way, a sentence each with its remedy."""

    fatal: list[str] = field(default_factory=list)
    """a run will certainly fail"""
    minor: list[str] = field(default_factory=list)
    """a run may fail, or differ"""


@dataclass(frozen=True)
class AssumedGpus:
    """GPUs that this machine need not have: their number, the bytes of each, operations a second of a job."""

    number: int
    memory: float
    rate: float


@dataclass(frozen=True)
class Plan:
    """What a run of a study needs on a machine.

    Attributes:
        shapes: model -> its shape, None where it is not known.
        device: where models compute.
        dtype: of weights in memory there, `the checkpoint's` where models may differ.
        rate: floating-point operations a second of one job.
        stages: the jobs, rule by rule.
        artifacts: what is written.
        already: bytes of the study's results that are there.
        side_by_side: jobs that run at a time, by cores, memory and GPUs.
        gpu_memory: bytes that the largest job holds on a GPU, 0 without one.
        gpu_seconds: of all jobs that compute on a model, one after the other.
        assumed: the GPUs that the plan is for, None where it is for this machine.
    """

    study: Study
    shapes: dict[str, ModelShape | None]
    device: str
    dtype: str
    rate: float
    stages: list[Stage]
    artifacts: list[Artifacts]
    already: int
    side_by_side: int
    gpu_memory: float
    gpu_seconds: float
    assumed: AssumedGpus | None = None


def make_plan(
    study: Study, machine: Machine, results: Path, problems: Problems, assumed: AssumedGpus | None = None
) -> Plan:
    """What the study needs, here or on GPUs that are assumed; what stands in the way is added to `problems`."""
    device = "cuda" if assumed else _device(study, problems)
    shapes = {name: _shape(study, name, machine, problems) for name in sorted(study.models)}
    dtype, setting = _dtype(study, device), make_setting(study, device, assumed.rate if assumed else None)
    kinds = list(job_kinds(study))
    planned = stages(kinds, shapes, setting)
    known = {name: shape for name, shape in shapes.items() if shape}
    return Plan(
        study=study,
        shapes=shapes,
        device=device,
        dtype=str(dtype).removeprefix("torch.") if dtype else "the checkpoint's",
        rate=setting.rate,
        stages=planned,
        artifacts=artifacts(study, known, setting),
        already=bytes_there(study, results),
        side_by_side=assumed.number if assumed else side_by_side(study, machine, planned, device),
        gpu_memory=max((gpu_bytes(shape, setting) for shape in known.values()), default=0) if device == "cuda" else 0,
        gpu_seconds=total_seconds(stages([kind for kind in kinds if kind.task in ON_GPU], shapes, setting), 1),
        assumed=assumed,
    )


def make_setting(study: Study, device: str, rate: float | None = None) -> Setting:
    """What costs depend on, where models compute on `device`; its rate is measured if it is not given."""
    dtype = _dtype(study, device)
    rate = rate or measure_rate(device, dtype or torch.bfloat16, study.compute.threads)
    return Setting(study, rate, dtype.itemsize if dtype else 0, tokens_per_document(study))


def _device(study: Study, problems: Problems) -> str:
    try:
        return usable_device(study.compute.device)
    except ValueError as error:
        problems.fatal.append(str(error))
        return "cpu"


def _dtype(study: Study, device: str) -> torch.dtype | None:
    """As `models.device.resolve_dtype`; None for the checkpoint's own."""
    if study.compute.dtype != "auto":
        return getattr(torch, study.compute.dtype)
    return torch.float32 if device == "cpu" else None


def _shape(study: Study, name: str, machine: Machine, problems: Problems) -> ModelShape | None:
    try:
        return read_shape(study.models[name], machine.hub)
    except (Unavailable, UnsupportedArchitecture) as error:
        problems.fatal.append(f"models.{name}: {str(error).rstrip('.')}.")
    except Unknown as error:
        problems.minor.append(f"models.{name}: {str(error).rstrip('.')}.")
    return None


def tokens_per_document(study: Study) -> float:
    """Tokens of an evaluation document: counted from the embedded texts, elsewhere one window's length."""
    evaluation = study.evaluation
    if not isinstance(study.corpora[evaluation.corpus], EmbeddedCorpus):
        return evaluation.length
    sizes = [
        len(document.text.encode())
        for language in evaluation.languages
        for document in embedded.read(language, embedded.Options())
        if document.split == "evaluation"
    ]
    return sum(sizes) / len(sizes) / BYTES_PER_TOKEN


def bytes_there(study: Study, results: Path) -> int:
    """Bytes of the models and variants of the study that are there already, but not of what links point to."""
    folders = [results / "models" / model for model in study.models]
    folders += [
        variant_folder(results, model, variant) for model in study.models for variant in study.grid().variants()
    ]
    files = [path for folder in folders for path in folder.glob("*") if path.is_file() and not path.is_symlink()]
    return sum(path.stat().st_size for path in files)


def side_by_side(study: Study, machine: Machine, planned: list[Stage], device: str) -> int:
    """Jobs on a model that may run at a time: by cores and threads, by memory, and by GPUs."""
    largest = max((stage.memory for stage in planned if stage.memory), default=FLOAT32)
    limits = [machine.cores // study.compute.threads, int(machine.available // largest)]
    if device == "cuda":
        limits.append(len(machine.gpus))
    return max(1, min(limits))


def find_problems(plan: Plan, machine: Machine, problems: Problems) -> None:
    """Compare what the study needs with what the machine offers."""
    fatal, minor = version_problems()
    problems.fatal += fatal
    problems.minor += minor
    _check_gpus(plan, machine, problems)
    if not plan.assumed:
        _check_disk(plan, machine, problems)
        _check_memory(plan, machine, problems)
        _check_threads(plan, machine, problems)
    read = {name for name, _ in documents_read(plan.study)}
    corpora = {name: plan.study.corpora[name] for name in sorted(read)}
    # The name of a hub data set may be that of a local folder.
    hub = [name for name, corpus in corpora.items() if corpus.kind == "hub" and not Path(corpus.name).is_dir()]
    if hub and machine.hub.offline:
        problems.fatal.append(f"corpora.{hub[0]} is read from the hub, and HF_HUB_OFFLINE is set: unset it.")
    elif hub and not machine.hub.reachable:
        problems.minor.append(f"corpora.{hub[0]} is read from the hub, which does not answer: check network and proxy.")


def _check_disk(plan: Plan, machine: Machine, problems: Problems) -> None:
    lacking = needed_bytes(plan.study, plan.artifacts) - plan.already - machine.disk
    if lacking > 0:
        problems.fatal.append(
            f"The disk of results/ lacks {gigabytes(lacking)}: free some, let results be a link to a larger disk, or "
            "set keep.weights to false."
        )
    elif sum(found.bytes for found in plan.artifacts) - plan.already > machine.disk:
        problems.minor.append(
            "The disk of results/ holds what stays, but not all that is there for a while: run fewer jobs at a time."
        )


def _check_memory(plan: Plan, machine: Machine, problems: Problems) -> None:
    largest = max((stage for stage in plan.stages if stage.memory), key=lambda stage: stage.memory)
    if largest.memory > machine.memory:
        problems.fatal.append(
            f"A job of {largest.rule} holds about {gigabytes(largest.memory)}, the machine has {gigabytes(machine.memory)}: "
            "take a smaller model, compute.dtype bfloat16, or another machine."
        )
    elif largest.memory > machine.available:
        problems.minor.append(
            f"A job of {largest.rule} holds about {gigabytes(largest.memory)}, and {gigabytes(machine.available)} are "
            "free now: end other programs first."
        )
    elif plan.device != "cuda" and plan.side_by_side < machine.cores // plan.study.compute.threads:
        cores = plan.side_by_side * plan.study.compute.threads
        problems.minor.append(
            f"The memory does not do for a job on every core, but for {plan.side_by_side}: run snakemake --cores {cores}."
        )


def _check_gpus(plan: Plan, machine: Machine, problems: Problems) -> None:
    there = plan.assumed.memory if plan.assumed else max((gpu.total for gpu in machine.gpus), default=None)
    if there is not None and plan.gpu_memory > there:
        problems.fatal.append(
            f"Evaluation holds about {gigabytes(plan.gpu_memory)} on the GPU, more than its {gigabytes(there)}: take a smaller "
            "evaluation.batch, compute.dtype bfloat16, or compute.device cpu; pruning, a block at a time, takes less."
        )


def _check_threads(plan: Plan, machine: Machine, problems: Problems) -> None:
    threads = plan.study.compute.threads
    if threads > machine.cores:
        problems.minor.append(
            f"compute.threads is {threads}, and there are {machine.cores} cores: set it to {machine.cores} or fewer "
            "before anything is computed, for it is part of the artifacts."
        )
    if os.environ.get("OMP_NUM_THREADS", "") not in ("", "0", str(threads)):
        problems.minor.append(
            f"OMP_NUM_THREADS is {os.environ['OMP_NUM_THREADS']}, and compute.threads {threads}, which counts: unset it."
        )


def gigabytes(size: float) -> str:
    """Bytes as GB, or as MB below 0.1 GB."""
    if size < 1e8:
        return f"{size / 1e6:.1f} MB"
    return f"{size / 1e9:.2f} GB" if size < 1e11 else f"{size / 1e9:,.0f} GB"
