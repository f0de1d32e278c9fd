"""Command: how far a study is and how long the rest takes, before a run, beside it, and after. It changes nothing."""

import logging
from pathlib import Path

from transformers.utils import logging as transformers_logging

from workflow_scripts.cli import run_step
from workflow_scripts.doctor import DEFAULT, RESULTS
from workflow_scripts.planning.assessment import Problems, make_plan
from workflow_scripts.planning.dag import study_dag
from workflow_scripts.planning.machine import ask_machine
from workflow_scripts.planning.progress import predict, progress_lines, progress_of
from workflow_scripts.study import read_file


def progress(*, configfile: Path = DEFAULT) -> None:
    """Print the jobs of a study, done and to do, and about how long the rest takes.

    Jobs of a rule take as long as those that are done took on average; where none is, the doctor's estimate counts,
    corrected by how far it was off for those that are. A job under way counts as to do.

    Args:
        configfile: the study, as for snakemake; the default study if left out.
    """
    transformers_logging.set_verbosity_error()
    logging.disable(logging.INFO)
    plan = make_plan(read_file(configfile), ask_machine(RESULTS), RESULTS, Problems())
    planned = {stage.rule: stage.seconds and stage.seconds / stage.jobs for stage in plan.stages}
    found = progress_of(study_dag(configfile))
    print("\n".join(progress_lines(found, predict(found, planned), plan.side_by_side)))


if __name__ == "__main__":
    run_step(progress)
