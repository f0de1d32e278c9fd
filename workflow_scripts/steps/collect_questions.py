"""Step: collect open questions in one language, from the hub or from a file in MKQA's form."""

from dataclasses import asdict, dataclass
from pathlib import Path

from workflow_scripts.artifacts.files import make_provenance, write_table
from workflow_scripts.evaluation.hub_questions import rows_of_hub
from workflow_scripts.evaluation.questions import questions_table, read_lines, read_questions
from workflow_scripts.runtime.command_line import run_step


@dataclass(frozen=True)
class Parameters:
    """Which questions are collected."""

    language: str
    items: int
    """questions, from the first on"""
    answerable: bool = True
    """leave out questions without a short answer"""
    hub: str | None = None
    """data set on the hub, where there is no file"""
    revision: str | None = None


def collect_questions(*, output: Path, parameters: Parameters, source: Path | None = None, code: str = "") -> None:
    """Write the questions of a language with their gold answers as Parquet.

    Args:
        output: the questions.
        parameters: which.
        source: file in MKQA's form, .jsonl or .jsonl.gz; else the data set on the hub is read.
        code: digest of this step's code.
    """
    p = parameters
    rows = read_lines(source) if source else rows_of_hub(p.hub, p.revision)
    questions = read_questions(rows, p.language, p.items, p.answerable)
    inputs = {"source": source} if source else {}
    write_table(
        output, questions_table(questions), make_provenance("collect_questions", asdict(parameters), code, inputs)
    )


if __name__ == "__main__":
    run_step(collect_questions)
