"""What a run says last: where its report is and what that begins with; or the sentence of every failed step, where its log
is, and how to go on."""

import html
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

LONGEST = 1000
"""Characters of a step's sentence that are shown; the log has all of it."""


ANSWER = re.compile(r'<meta name="description" content="([^"]*)">')
"""The answer of a report, in its head."""


def describe_report(report: Path) -> str:
    """Where a report is, and the first sentence of its answer."""
    found = ANSWER.search(report.read_text(encoding="utf-8"))
    first = re.split(r"(?<=[.?!]) (?=[A-Z])", html.unescape(found[1]), maxsplit=1)[0] if found else ""
    return f"The report: {report}" + (f"\n    {first}" if first else "")


def describe_failure(failed: Sequence[tuple[str, list[str]]], command: Sequence[str]) -> str:
    """The end of a failed run.

    Args:
        failed: rule and logs of each failed job.
        command: the words of the command that was run.
    """
    parts = [f"{sentence_of(rule, logs)}\n    log: {' '.join(logs) or 'none'}" for rule, logs in sorted(failed)]
    again = shlex.join(["snakemake", *command[1:]])
    remedy = "mend the cause, then go on where it stopped" if failed else "go on where it stopped"
    return "\n".join([*parts, f"Finished jobs are kept: {remedy} with\n    {again}"])


def sentence_of(rule: str, logs: Sequence[str]) -> str:
    """What the step said last: `command_line.run_step` ends a log with "step failed: ...", a killed step with whatever it did."""
    try:
        lines = Path(logs[0]).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except (OSError, IndexError):
        lines = []
    ends = [number for number, line in enumerate(lines) if " failed: " in line and not line.startswith(" ")]
    if ends:
        return " ".join(lines[ends[-1] :])[:LONGEST]
    last = f"; its log ends with: {lines[-1][:LONGEST]}" if lines else " before it wrote to its log"
    return f"{rule} ended without a word of its own, killed or out of memory{last}"
