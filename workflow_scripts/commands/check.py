"""Command: check a study without Snakemake, which names no line where YAML cannot read it."""

from pathlib import Path

from workflow_scripts.runtime.command_line import run_step
from workflow_scripts.study.reading import DEFAULT, read_file
from workflow_scripts.study.remarks import remarks


def check_study(configfile: Path = DEFAULT) -> None:
    """Say what is wrong with a study, in one sentence a mistake; exit code 0 when it can be run, whatever else is remarked.

    Args:
        configfile: the study's file; the default study if left out.
    """
    for remark in remarks(read_file(configfile)):
        print(remark)


if __name__ == "__main__":
    run_step(check_study)
