"""What a run says on its way: a line a finished job, with the share that is done and about how long the rest takes.

All that Snakemake says of a job stays in its log below .snakemake/log, and comes here too where -p or --verbose asks for it.
"""

import logging
from collections import Counter, defaultdict
from typing import Any

from snakemake.logging import DefaultFormatter
from snakemake_interface_logger_plugins.common import LogEvent

from workflow_scripts.planning.words import duration
from workflow_scripts.wiring.endings import sentence_of

HANDLER = "DefaultStreamHandler"
"""What Snakemake calls its handler for the terminal."""
HIDDEN = {LogEvent.JOB_INFO, LogEvent.JOB_STARTED, LogEvent.JOB_FINISHED, LogEvent.GROUP_INFO, LogEvent.GROUP_ERROR}
CHATTER = ("Select jobs to execute", "Removing temporary output")


class Progress(DefaultFormatter):
    """A filter and a formatter for the terminal, which count jobs as they begin and end."""

    def __init__(self) -> None:
        super().__init__()
        self.rules: dict[int, str] = {}
        self.begun: dict[int, float] = {}
        self.left: Counter[str] = Counter()
        self.took: dict[str, list[float]] = defaultdict(list)
        self.start, self.last = 0.0, ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the terminal shows a record."""
        event = getattr(record, "event", None)
        if event == LogEvent.RUN_INFO and hasattr(record, "stats"):
            self.left = Counter({rule: count for rule, count in record.stats.items() if rule != "total"})
            self.start = record.created
        elif event == LogEvent.JOB_INFO:
            self.rules[record.jobid] = record.rule_name
        elif event == LogEvent.JOB_STARTED:
            self.begun |= dict.fromkeys(record.jobs, record.created)
        elif event == LogEvent.JOB_FINISHED:
            self._finish(record.job_id, record.created)
        return event not in HIDDEN and not record.getMessage().startswith(CHATTER)

    def format_progress(self, msg: dict[str, Any]) -> str:
        """The line of a finished job."""
        done, total = msg["done"], msg["total"]
        line = f"{done} of {total} jobs ({100 * done // total} %) done: {self.last}"
        left = self._seconds_left(msg["created"])
        return f"{line}; roughly {duration(left)} to go" if done < total and left else line

    def format_job_error(self, msg: dict[str, Any]) -> str:
        """The step's own sentence; Snakemake's words on the command are in the log."""
        logs = [str(path) for path in msg["log"]]
        return f"{sentence_of(msg['rule_name'], logs)}\n    log: {' '.join(logs) or 'none'}"

    def _finish(self, job: int, now: float) -> None:
        rule = self.rules.get(job, "a job")
        seconds = now - self.begun.get(job, now)
        self.left[rule] -= 1
        self.took[rule].append(seconds)
        self.last = f"{rule} in {duration(seconds)}"

    def _seconds_left(self, now: float) -> float:
        """By what jobs of the same rule took, or all jobs where none of it has run, and how many went on side by side."""
        all_ = [seconds for each in self.took.values() for seconds in each]
        busy = sum(all_)
        if not busy:
            return 0.0
        means = {rule: sum(each) / len(each) for rule, each in self.took.items()}
        work = sum(count * means.get(rule, busy / len(all_)) for rule, count in self.left.items())
        return work / max(1.0, busy / max(now - self.start, 1e-9))


def show_progress(logger: logging.Logger, settings: Any) -> None:
    """Let a run say on the terminal how far it is, unless the command line asks for more or less of Snakemake's own words.

    Args:
        logger: Snakemake's.
        settings: its settings of output.
    """
    if settings.dryrun or settings.printshellcmds or settings.verbose or settings.debug_dag or settings.quiet:
        return
    for handler in [handler for handler in logger.handlers if handler.name == HANDLER]:
        progress = Progress()
        handler.addFilter(progress.filter)
        handler.setFormatter(progress)
