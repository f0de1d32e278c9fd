"""Command: what the jobs of a study ask of a cluster, as JSON; the workflow calls it when it submits jobs.

The study comes as JSON on standard input, as Snakemake has it, which may be more than one file.
"""

import json
import sys
from pathlib import Path

from transformers.utils import logging

from workflow_scripts.planning.assessment import GPU_RATE, make_setting
from workflow_scripts.planning.jobs import job_kinds
from workflow_scripts.planning.machine import ask_hub
from workflow_scripts.planning.requests import find_shapes, request_rows
from workflow_scripts.runtime.command_line import run_step
from workflow_scripts.study import read_study


def job_requests(*, models: Path, gpu: bool = False) -> None:
    """Print what a job of each kind asks for, and the models of unknown size.

    Args:
        models: the folder of prepared models.
        gpu: whether jobs on models run on a GPU.
    """
    logging.set_verbosity_error()
    study = read_study(json.load(sys.stdin))
    shapes = find_shapes(study, models, ask_hub())
    # Jobs run on a CPU like this one, or on some GPU.
    setting = make_setting(study, "cuda", GPU_RATE) if gpu else make_setting(study, "cpu")
    rows = list(request_rows(job_kinds(study), shapes, setting))
    print(json.dumps({"unknown": sorted(name for name, shape in shapes.items() if shape is None), "requests": rows}))


if __name__ == "__main__":
    run_step(job_requests)
