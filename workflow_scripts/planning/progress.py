"""How far a study is: its jobs, done and to do, and how long the rest takes by those that are done."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from workflow_scripts.planning.words import columns, duration
from workflow_scripts.reporting.durations import seconds_of


class Prediction(NamedTuple):
    """Seconds of a job of a rule, None where nothing is known; whether jobs of that rule were measured."""

    seconds: float | None
    measured: bool


@dataclass
class RuleProgress:
    """The jobs of a rule: how many are to do, and the seconds that those took that are done, None where unknown."""

    left: int = 0
    done: list[float | None] = field(default_factory=list)

    @property
    def measured(self) -> list[float]:
        """The known seconds of jobs that are done."""
        return [seconds for seconds in self.done if seconds is not None]


def progress_of(dag: Any) -> dict[str, RuleProgress]:
    """Rule -> its progress, in the order of the pipeline, from Snakemake's DAG and the timings of its jobs."""
    found: dict[str, RuleProgress] = {}
    todo = set(dag.needrun_jobs())
    for level in dag.toposorted():
        for job in sorted((job for job in level if job.output), key=lambda job: job.rule.name):
            rule = found.setdefault(job.rule.name, RuleProgress())
            if job in todo:
                rule.left += 1
            else:
                timing = Path(job.benchmark) if job.benchmark else None
                rule.done.append(seconds_of(timing) if timing and timing.is_file() else None)
    return found


def wants_estimate(progress: Mapping[str, RuleProgress]) -> bool:
    """Whether jobs are left, or were never measured: what is measured and done needs no estimate."""
    return any(rule.left or not rule.measured for rule in progress.values())


def predict(progress: Mapping[str, RuleProgress], planned: Mapping[str, float | None]) -> dict[str, Prediction]:
    """Rule -> seconds of its next job: the mean of those that are done; else what was planned, times the factor by which
    the plan was wrong for all that is done.

    Args:
        progress: rule -> its progress.
        planned: rule -> seconds of a job by the doctor's estimate, None or missing where it is not known.
    """
    both = [(rule, planned[name]) for name, rule in progress.items() if rule.measured and planned.get(name)]
    took = sum(sum(rule.measured) for rule, _ in both)
    factor = took / sum(len(rule.measured) * seconds for rule, seconds in both) if took else 1.0
    found = {}
    for name, rule in progress.items():
        if rule.measured:
            found[name] = Prediction(sum(rule.measured) / len(rule.measured), True)
        else:
            expected = planned.get(name)
            found[name] = Prediction(None if expected is None else factor * expected, False)
    return found


def seconds_left(
    progress: Mapping[str, RuleProgress], predicted: Mapping[str, Prediction], side_by_side: int
) -> tuple[float, bool]:
    """Seconds until all is done with so many jobs at a time, rule after rule; whether the time of any job is unknown."""
    total, unknown = 0.0, False
    for name, rule in progress.items():
        seconds = predicted[name].seconds
        if seconds is None:
            unknown |= rule.left > 0
        elif rule.left:
            total += rule.left * seconds / min(side_by_side, rule.left)
    return total, unknown


def progress_lines(
    progress: Mapping[str, RuleProgress], predicted: Mapping[str, Prediction], side_by_side: int
) -> Iterable[str]:
    """The page: a line a rule, and what is left in all."""
    rows = [("rule", "done", "to do", "a job", "by")]
    for name, rule in progress.items():
        seconds, measured = predicted[name]
        by = ("measured" if measured else "estimate") if seconds is not None else ""
        rows.append((name, str(len(rule.done)), str(rule.left), duration(seconds), by))
    yield from columns(rows, right=(1, 2, 3))
    done, left = (sum(counts) for counts in zip(*((len(r.done), r.left) for r in progress.values()), strict=True))
    if not left:
        yield f"All {done} jobs are done."
        return
    seconds, unknown = seconds_left(progress, predicted, side_by_side)
    yield (
        f"{done} of {done + left} jobs are done; the rest takes {'at least' if unknown else 'about'} {duration(seconds)} "
        f"with {side_by_side} at a time."
    )
