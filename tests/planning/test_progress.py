"""How far a study is, on a pipeline of hand-made jobs."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from workflow_scripts.planning.progress import (
    Prediction,
    RuleProgress,
    predict,
    progress_lines,
    progress_of,
    seconds_left,
    wants_estimate,
)


@dataclass(frozen=True)
class Rule:
    name: str


@dataclass(frozen=True)
class Job:
    rule: Rule
    output: tuple[str, ...]
    benchmark: Path | None


class Dag:
    """Three jobs that prune, of which two are done and one left its time; two that measure after them; and the target."""

    def __init__(self, folder: Path) -> None:
        self.prune = [Job(Rule("prune"), (f"p{n}",), folder / f"p{n}.tsv") for n in range(3)]
        self.measure = [Job(Rule("measure"), (f"m{n}",), folder / f"m{n}.tsv") for n in range(2)]
        self.target = Job(Rule("all"), (), None)
        self.prune[0].benchmark.write_text("s\th:m:s\n30.0\t0:00:30\n")

    def toposorted(self):
        return [set(self.prune), set(self.measure), {self.target}]

    def needrun_jobs(self):
        return [self.prune[2], *self.measure, self.target]


def test_jobs_are_counted_rule_by_rule_in_the_order_of_the_pipeline(tmp_path):
    found = progress_of(Dag(tmp_path))
    assert list(found) == ["prune", "measure"]
    assert found["prune"].left == 1
    assert sorted(found["prune"].done, key=str) == [30.0, None]
    assert found["measure"] == RuleProgress(left=2)


def test_measured_times_come_first_and_correct_the_estimates():
    progress = {"prune": RuleProgress(1, [30.0, 50.0, None]), "measure": RuleProgress(2), "report": RuleProgress(1)}
    predicted = predict(progress, {"prune": 20.0, "measure": 5.0, "report": None})
    # Pruning took twice as long as planned, so measuring will.
    assert predicted == {
        "prune": Prediction(40.0, True),
        "measure": Prediction(10.0, False),
        "report": Prediction(None, False),
    }


def test_before_a_run_the_plan_stands_as_it_is():
    assert predict({"prune": RuleProgress(3)}, {"prune": 20.0}) == {"prune": Prediction(20.0, False)}


@pytest.mark.parametrize(("side_by_side", "seconds"), [(1, 40 + 20), (2, 40 + 10), (8, 40 + 10)])
def test_the_rest_takes_as_long_as_its_jobs_side_by_side(side_by_side, seconds):
    progress = {"prune": RuleProgress(1, [40.0]), "measure": RuleProgress(2)}
    predicted = {"prune": Prediction(40.0, True), "measure": Prediction(10.0, False)}
    assert seconds_left(progress, predicted, side_by_side) == (seconds, False)


def test_the_page_says_what_is_not_known_and_when_all_is_done():
    progress = {"prune": RuleProgress(1, [40.0]), "measure": RuleProgress(2)}
    lines = list(progress_lines(progress, {"prune": Prediction(40.0, True), "measure": Prediction(None, False)}, 2))
    assert lines[1].split() == ["prune", "1", "1", "40", "s", "measured"]
    assert lines[2].split() == ["measure", "0", "2", "unknown"]
    assert lines[-1] == "1 of 4 jobs are done; the rest takes at least 40 s with 2 at a time."
    done = {"prune": RuleProgress(0, [40.0])}
    assert list(progress_lines(done, {"prune": Prediction(40.0, True)}, 2))[-1] == "All 1 jobs are done."


def test_an_estimate_is_wanted_until_all_is_measured_and_done():
    assert wants_estimate({"prune": RuleProgress(1, [40.0])})
    assert wants_estimate({"prune": RuleProgress(0, [40.0]), "measure": RuleProgress(0, [None])})
    assert not wants_estimate({"prune": RuleProgress(0, [40.0, None])})
