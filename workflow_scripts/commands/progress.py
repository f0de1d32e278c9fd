"""Command: how far a study is and how long the rest takes, before a run, beside it, and after. It changes nothing."""

import logging
from pathlib import Path

from workflow_scripts.planning.dag import study_dag
from workflow_scripts.planning.progress import predict, progress_lines, progress_of, wants_estimate
from workflow_scripts.runtime.command_line import run_step
from workflow_scripts.runtime.process import imports_done
from workflow_scripts.study import DEFAULT, Study, read_file

RESULTS = Path("results")


def progress(configfile: Path = DEFAULT) -> None:
    """Print the jobs of a study, done and to do, and about how long the rest takes.

    Jobs of a rule take as long as those that are done took on average; where none is, the doctor's estimate counts,
    corrected by how far it was off for those that are. A job under way counts as to do.

    Args:
        configfile: the study, as for snakemake; the default study if left out.
    """
    logging.disable(logging.INFO)
    study = read_file(configfile, with_texts=False)
    found = progress_of(study_dag(configfile))
    planned, side_by_side = estimate(study) if wants_estimate(found) else ({}, 1)
    print("\n".join(progress_lines(found, predict(found, planned), side_by_side)))


def estimate(study: Study) -> tuple[dict[str, float | None], int]:
    """The doctor's: rule -> seconds of a job, None where they are not known; and how many jobs run at a time."""
    # Of a study that is done nothing is estimated, and torch, which takes seconds, not imported.
    from transformers.utils import logging as transformers_logging

    from workflow_scripts.planning.assessment import Problems, make_plan
    from workflow_scripts.planning.machine import ask_machine

    imports_done()
    transformers_logging.set_verbosity_error()
    plan = make_plan(study, ask_machine(RESULTS), RESULTS, Problems())
    return {stage.rule: stage.seconds and stage.seconds / stage.jobs for stage in plan.stages}, plan.side_by_side


if __name__ == "__main__":
    run_step(progress, imports_more=True)
