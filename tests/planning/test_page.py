"""The report's text."""

import pytest

from workflow_scripts.planning.assessment import Problems, gigabytes
from workflow_scripts.planning.page import problem_lines
from workflow_scripts.planning.words import columns, duration


def test_columns_are_aligned():
    assert columns([("a", "10", "x"), ("bcd", "9", "")], right=(1,)) == ["  a    10  x", "  bcd   9"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "unknown"), (5.4, "5 s"), (119, "119 s"), (660, "11 min"), (7300, "2 h"), (500_000, "5.8 days")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(("size", "text"), [(5e5, "0.5 MB"), (1.418e9, "1.42 GB"), (1.4e12, "1,400 GB")])
def test_sizes(size, text):
    assert gigabytes(size) == text


def test_problems_come_the_worst_first():
    assert problem_lines(Problems()) == ["Nothing stands in the way: snakemake -n shows what would run."]
    assert problem_lines(Problems(["b."], ["a."])) == ["This will fail", "  - b.", "Take note", "  - a."]
