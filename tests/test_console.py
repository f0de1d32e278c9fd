"""What a run says on its way."""

import logging
from types import SimpleNamespace

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from workflow_scripts.wiring.console import HANDLER, show_progress

QUIET = {"dryrun": False, "printshellcmds": False, "verbose": False, "debug_dag": False, "quiet": None}


class Terminal(logging.Handler):
    """Keeps what a handler would have shown."""

    def __init__(self, name):
        super().__init__()
        self.name, self.shown = name, []

    def emit(self, record):
        self.shown.append(self.format(record))


@pytest.fixture
def logger():
    made = logging.Logger("run")
    made.handlers = [Terminal(HANDLER), Terminal("DefaultLogFileHandler")]
    return made


def say(logger, second, event, message="", **more):
    record = logger.makeRecord("run", logging.INFO, "", 0, message, (), None, extra={"event": event, **more})
    record.created = second
    logger.handle(record)


def run(logger):
    say(logger, 0, LogEvent.RUN_INFO, "Job stats", stats={"prune": 3, "all": 1, "total": 4})
    for job, end in ((1, 10), (2, 30)):
        say(logger, end - 10, LogEvent.JOB_INFO, "rule prune", jobid=job, rule_name="prune")
        say(logger, end - 10, LogEvent.JOB_STARTED, "Execute 1 jobs...", jobs=[job])
        say(logger, end, LogEvent.JOB_FINISHED, "Finished", job_id=job)
        say(logger, end, LogEvent.PROGRESS, "1 of 4", done=job, total=4)
    say(logger, 30, None, "Select jobs to execute...")


def test_a_finished_job_is_a_line_with_the_share_and_the_time_to_the_end(logger):
    show_progress(logger, SimpleNamespace(**QUIET))
    terminal, file = logger.handlers
    run(logger)
    # Two jobs are left, prune and all, of which nothing is known: 10 s each.
    assert terminal.shown == [
        "Job stats",
        "1 of 4 jobs (25 %) done: prune in 10 s; roughly 30 s to go",
        "2 of 4 jobs (50 %) done: prune in 10 s; roughly 20 s to go",
    ]
    assert len(file.shown) == 10, "the log has all"


def test_jobs_side_by_side_take_less(logger):
    show_progress(logger, SimpleNamespace(**QUIET))
    say(logger, 0, LogEvent.RUN_INFO, stats={"prune": 4, "total": 4})
    for job in (1, 2):
        say(logger, 0, LogEvent.JOB_INFO, jobid=job, rule_name="prune")
    say(logger, 0, LogEvent.JOB_STARTED, jobs=[1, 2])
    for job in (1, 2):
        say(logger, 10, LogEvent.JOB_FINISHED, job_id=job)
    say(logger, 10, LogEvent.PROGRESS, done=2, total=4)
    assert logger.handlers[0].shown[-1].endswith("roughly 10 s to go")


def test_a_failure_is_its_steps_own_sentence(logger, tmp_path):
    show_progress(logger, SimpleNamespace(**QUIET))
    (tmp_path / "a.log").write_text("INFO x\n\nprune failed: The disk is full: free some.\n")
    told = {"rule_name": "prune", "log": [tmp_path / "a.log"], "shellcmd": "python -m x"}
    say(logger, 0, LogEvent.JOB_ERROR, "Error in rule prune", **told)
    assert logger.handlers[0].shown == [f"prune failed: The disk is full: free some.\n    log: {tmp_path / 'a.log'}"]


@pytest.mark.parametrize("asked", [{"dryrun": True}, {"printshellcmds": True}, {"verbose": True}, {"quiet": {"rules"}}])
def test_who_asks_for_more_or_less_gets_snakemakes_own_words(logger, asked):
    show_progress(logger, SimpleNamespace(**QUIET | asked))
    run(logger)
    assert len(logger.handlers[0].shown) == 10
