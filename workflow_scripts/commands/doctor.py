"""Command: what this machine offers and what a study needs, before the start. It changes nothing."""

import sys
from pathlib import Path

from transformers.utils import logging

from workflow_scripts.models.memory import parse_memory
from workflow_scripts.planning import page
from workflow_scripts.planning.assessment import GPU_RATE, AssumedGpus, Problems, find_problems, make_plan
from workflow_scripts.planning.machine import ask_machine, version_problems
from workflow_scripts.runtime.command_line import run_step
from workflow_scripts.study import DEFAULT, StudyError, read_file

RESULTS = Path("results")


def doctor(
    configfile: Path = DEFAULT, *, gpus: int = 0, gpu_memory: str = "80 GB", tflops: float = GPU_RATE / 1e12
) -> None:
    """Print what this machine offers and what a study needs; exit with 1 when something will certainly fail.

    Args:
        configfile: the study, as for snakemake; the default study if left out.
        gpus: plan for so many GPUs, which this machine need not have, instead of for this machine.
        gpu_memory: of each of them, such as `24 GB`.
        tflops: what a job computes on one, in 10^12 operations a second: about a third of what its maker states for the type of
            the weights. 30 is right for small GPUs, 150 for those of data centres, in bfloat16.
    """
    if gpus < 0 or tflops <= 0:
        sys.exit(f"--gpus {gpus} --tflops {tflops}: give numbers above 0.")
    try:
        assumed = AssumedGpus(gpus, parse_memory(gpu_memory) or 0, tflops * 1e12) if gpus else None
    except ValueError as error:
        sys.exit(f"--gpu-memory: {error}")
    logging.set_verbosity_error()
    machine, problems = ask_machine(RESULTS), Problems()
    sections = [page.machine_lines(machine)]
    try:
        plan = make_plan(read_file(configfile), machine, RESULTS, problems, assumed)
    except StudyError as error:
        fatal, problems.minor = version_problems()
        problems.fatal = [*str(error).splitlines(), *fatal]
    else:
        find_problems(plan, machine, problems)
        sections += [page.study_lines(plan), page.job_lines(plan), page.disk_lines(plan), page.afterwards_lines(plan)]
    sections.append(page.problem_lines(problems))
    print("\n\n".join("\n".join(lines) for lines in sections if lines))
    sys.exit(1 if problems.fatal else 0)


if __name__ == "__main__":
    run_step(doctor)
