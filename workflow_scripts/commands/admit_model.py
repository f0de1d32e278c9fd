"""Command: say whether a model can be pruned and evaluated, as JSON on one line. Reads no weight and writes nothing."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from workflow_scripts.models.stored import UnusableModel
from workflow_scripts.models.verdicts import ANSWER
from workflow_scripts.planning.admission import PassingRefusal, admit, admit_gguf
from workflow_scripts.runtime.command_line import run_step


def admit_model(*, source: Path, trusted: bool = False) -> None:
    """Print what a study needs to know of the model, or why it is refused.

    Args:
        source: a checkpoint directory or a GGUF file.
        trusted: whether the model's own code may run.
    """
    # After a mark of its own, for a model's own code may print.
    print(f"\n{ANSWER}{json.dumps(answer_of(source, trusted))}", flush=True)


def answer_of(source: Path, trusted: bool) -> dict[str, Any]:
    """The fields of an `Admission`; or `refused` and the reason, and whether that may pass (`passing`)."""
    try:
        return asdict(admit(source, trusted) if source.is_dir() else admit_gguf(source))
    except UnusableModel as error:
        return {"refused": str(error), "passing": isinstance(error, PassingRefusal)}


if __name__ == "__main__":
    run_step(admit_model)
