"""How long the jobs of a study took, from the timings that Snakemake leaves."""

import csv
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

LONGEST = 5


class Job(NamedTuple):
    """A finished job: its rule, what it was for, and how long it took."""

    rule: str
    about: str
    seconds: float


class Durations(NamedTuple):
    """Total per rule as (rule, jobs, time), longest first; the longest jobs as (rule, about, time); the sum of all."""

    rules: list[tuple[str, int, str]]
    longest: list[tuple[str, str, str]]
    total: str


def read_durations(timings: Path, subjects: Collection[str]) -> Durations | None:
    """The durations recorded below a folder (`{rule}/{subject}/….tsv`); None where there are none.

    Args:
        timings: the folder.
        subjects: names of the study, its models and its corpora; jobs on others are those of other studies.
    """
    jobs = []
    for path in sorted(timings.rglob("*.tsv")):
        rule, *rest = path.relative_to(timings).with_suffix("").parts
        seconds = seconds_of(path)
        if rest and rest[0] in subjects and seconds is not None:
            jobs.append(Job(rule, "/".join(rest), seconds))
    return summarise_jobs(jobs) if jobs else None


def summarise_jobs(jobs: Collection[Job]) -> Durations:
    """Sums per rule, and the longest jobs."""
    sums: dict[str, list[float]] = {}
    for job in jobs:
        sums.setdefault(job.rule, []).append(job.seconds)
    ordered = sorted(sums.items(), key=lambda item: (-sum(item[1]), item[0]))
    longest = sorted(jobs, key=lambda job: (-job.seconds, job))[:LONGEST]
    return Durations(
        [(rule, len(seconds), rounded(sum(seconds))) for rule, seconds in ordered],
        [(job.rule, job.about, rounded(job.seconds)) for job in longest],
        rounded(sum(job.seconds for job in jobs)),
    )


def rounded(seconds: float) -> str:
    """A duration to about two digits: `8 s`, `3.5 min`, `2.1 h`."""
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 1 else "under 1 s"
    amount, unit = (seconds / 60, "min") if seconds < 3600 else (seconds / 3600, "h")
    return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"


def seconds_of(path: Path) -> float | None:
    """The wall-clock time of a benchmark file, its mean where it was repeated; None where it says none."""
    with open(path, newline="", encoding="utf-8") as file:
        try:
            times = [float(row["s"]) for row in csv.DictReader(file, delimiter="\t")]
        except (KeyError, TypeError, ValueError):
            return None
    return sum(times) / len(times) if times else None
