"""Check a study without Snakemake, which names no line where YAML cannot read it: `python -m workflow_scripts.study x.yaml`."""

import sys
from pathlib import Path

from workflow_scripts.cli import run_step
from workflow_scripts.study.errors import StudyError
from workflow_scripts.study.reading import read_file
from workflow_scripts.study.remarks import remarks


def check_study(study: Path = Path("config.yaml")) -> None:
    """Say what is wrong with a study, in one sentence a mistake; exit code 0 when it can be run, whatever else is remarked.

    Args:
        study: the study's file.
    """
    try:
        for remark in remarks(read_file(study)):
            print(remark)
    except StudyError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    run_step(check_study)
