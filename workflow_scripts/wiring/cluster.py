"""What the workflow needs when its jobs run on a cluster. Imports no torch, for every job reads this."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from shutil import which
from typing import Any, NamedTuple

from workflow_scripts.runtime.mistakes import Mistake

PACKAGES = Path(__file__).parents[2]
GPUS = "POLYPRUNE_GPUS"
"""Environment variable: GPUs that a job on a model asks for where `compute.device` is `auto`. The run that submits decides,
for its jobs, on other machines, would each see something else."""
MORE_MEMORY, MORE_TIME = 1.5, 2.0
"""How much more a job asks for when it is submitted again."""
SILENCE = 120
"""Seconds until a command of SLURM's that says nothing is given up."""
PREFIX = "polyprune"
"""What the names of all jobs of polyprune begin with, as profiles/slurm has it."""


def gpus_of_auto() -> int:
    """GPUs of a job on a model where the device is `auto`: what the run that submits found, or was told."""
    return int(os.environ.setdefault(GPUS, str(int(which("nvidia-smi") is not None))))


class Requests:
    """What jobs ask of a cluster: estimated once, when the first job is submitted."""

    def __init__(self, config: Mapping[str, Any], models: Path, gpu: bool, warn: Callable[[str], None]) -> None:
        """
        Args:
            config: the study as Snakemake has it.
            models: the folder of prepared models.
            gpu: whether jobs on models run on a GPU.
            warn: called with a sentence where a size is not known.
        """
        self.config, self.models, self.gpu, self.warn = config, models, gpu, warn

    def memory(self, rule: str) -> Callable[..., int]:
        """`mem_mb` of a rule's jobs as a function of wildcards and attempt."""
        return lambda wildcards, attempt: round(self._asked(rule, wildcards)["mem_mb"] * MORE_MEMORY ** (attempt - 1))

    def runtime(self, rule: str) -> Callable[..., int]:
        """`runtime` of a rule's jobs, in minutes, as a function of wildcards and attempt."""
        return lambda wildcards, attempt: round(self._asked(rule, wildcards)["runtime"] * MORE_TIME ** (attempt - 1))

    def _asked(self, rule: str, wildcards: Any) -> Mapping[str, int]:
        model, method, pattern = (getattr(wildcards, name, "") for name in ("model", "method", "pattern"))
        # Only jobs that prune differ by method and pattern.
        for key in ((rule, model, method, pattern), (rule, model, "", ""), (rule, "", "", "")):
            if key in self._estimated:
                return self._estimated[key]
        raise KeyError(f"No estimate of what rule {rule} asks of a cluster: see workflow_scripts/planning/jobs.py.")

    @cached_property
    def _estimated(self) -> dict[tuple[str, ...], dict[str, int]]:
        command = [sys.executable, "-m", "workflow_scripts.commands.job_requests", "--models", str(self.models)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(PACKAGES), os.environ.get("PYTHONPATH", "")])}
        done = subprocess.run(
            [*command, *(["--gpu"] if self.gpu else [])],
            input=json.dumps(self.config),
            env=environment,
            text=True,
            capture_output=True,
        )
        if done.returncode:
            raise RuntimeError(f"What jobs ask of the cluster cannot be estimated:\n{done.stderr}")
        found = json.loads(done.stdout)
        for model in found["unknown"]:
            most = max((row for row in found["requests"] if row["model"] == model), key=lambda row: row["mem_mb"])
            self.warn(
                f"The size of models.{model} is not known yet, so its jobs ask for {most['mem_mb'] / 1000:.0f} GB and "
                f"{most['runtime'] / 60:.0f} hours: fetch its configuration first (snakemake ... prepare_model), or say what "
                "they need with set-resources in the profile."
            )
        return {tuple(row[key] for key in ("rule", "model", "method", "pattern")): row for row in found["requests"]}


def ask_unless_said(resources: Any, name: str, asked: Callable[..., int]) -> None:
    """Let a rule's jobs ask for a resource, unless the profile or the command line says something of it.

    Args:
        resources: Snakemake's resources of the rule. Where a profile has any default-resources, Snakemake adds a `mem_mb` of its
            own, by the size of input files: that one is not said by anybody, and alone has no text.
        asked: the resource as a function of wildcards and attempt.
    """
    if resources.get(name).raw is None:
        resources[name] = asked


class SlurmError(Mistake):
    """SLURM does not do what it is asked; the message says what, and how to go on."""


class Job(NamedTuple):
    """A job in SLURM's queue: its number, its name, which is the run's that submitted it, and where it works."""

    number: str
    run: str
    folder: str


def jobs_here(folder: Path) -> list[Job]:
    """The jobs of polyprune that SLURM holds for a working directory, of this user; none where there is no SLURM.

    Raises:
        SlurmError: it does not answer.
    """
    if which("squeue") is None:
        return []
    # All of a line is the user's own: names and folders are the last to be read.
    asked = ["squeue", "--me", "--noheader", "--format=%A|%j|%Z"]
    lines = ask_slurm(asked).splitlines()
    jobs = [Job(*line.split("|", 2)) for line in lines if line.count("|") >= 2]
    return [job for job in jobs if job.run.startswith(PREFIX) and Path(job.folder) == folder.resolve()]


def ask_slurm(command: list[str]) -> str:
    """What a command of SLURM's says; raises SlurmError where it fails, is missing or is silent."""
    try:
        return subprocess.run(command, text=True, capture_output=True, check=True, timeout=SILENCE).stdout
    except subprocess.CalledProcessError as error:
        cause = " ".join(error.stderr.split()) or f"exit code {error.returncode}"
    except subprocess.TimeoutExpired:
        cause = f"silent for {SILENCE} s"
    except OSError as error:
        cause = error.strerror
    raise SlurmError(
        f"SLURM does not answer ({command[0]}: {cause}), so whether jobs of an earlier run still work in this folder is not known: "
        "start again when it does."
    )


def left_over(folder: Path) -> str:
    """A sentence with its remedy if jobs of an earlier run go on in a working directory, or may do; empty otherwise."""
    try:
        jobs = jobs_here(folder)
    except SlurmError as error:
        return str(error)
    if not jobs:
        return ""
    numbers = ", ".join(sorted({job.number for job in jobs}))
    return (
        f"Jobs of an earlier run, which was killed, still work in this folder (SLURM jobs {numbers}), and would write the same "
        "files as this one's. End them, and go on: python -m workflow_scripts recover, then the same command again."
    )
