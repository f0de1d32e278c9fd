"""What `admission` says of a model, without torch: asked once of equal headers and configurations, and then remembered.

The answer is kept in the user's cache, under a digest of all that it depends on: no weight is part of that.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from workflow_scripts.artifacts.code_digest import code_of
from workflow_scripts.artifacts.files import canonical_json
from workflow_scripts.models.catalogue import checkpoint_files
from workflow_scripts.models.stored import UnusableModel, header_of, weight_files

BEGINNING, END = 2**26, 2**20
"""Bytes at both ends of a GGUF file that stand for it, beside its size: the first hold all but its weights."""
ANSWER = "admission: "
"""What stands before the answer of the command."""
ADMITS = "commands.admit_model"
"""The command that answers."""
NEEDED = ("torch", "transformers")
"""What it takes to answer."""
REFUSED = "refused"


def admitted(source: Path, trusted: bool = False) -> dict[str, Any]:
    """The fields of `admission.Admission` of a checkpoint directory or a GGUF file.

    Raises:
        UnusableModel: it cannot be pruned, or not evaluated.
    """
    if not all(map(find_spec, NEEDED)):
        # Steps have an environment of their own (--sdm conda), where preparing the model asks.
        return {"widths": [], "positions": None, "unused": []}
    memory = _cache(f"{_digest(source, trusted)}.json")
    answer = memory and _remembered(memory)
    if answer is None:
        answer = _ask(source, trusted)
        if memory and not answer.get("passing"):
            _remember(memory, answer)
    if REFUSED in answer:
        raise UnusableModel(answer[REFUSED])
    return answer


def _ask(source: Path, trusted: bool) -> dict[str, Any]:
    if "torch" in sys.modules:
        # By name: what is admitted is the same model, whatever the code that admits it, which counts in no step's digest.
        return import_module(f"workflow_scripts.{ADMITS}").answer_of(source, trusted)
    # torch takes seconds, and memory that a run would hold to its end.
    trust = ["--trusted"] if trusted else []
    command = [sys.executable, "-m", f"workflow_scripts.{ADMITS}", "--source", str(source), *trust]
    package = Path(__file__).parents[2]
    found = os.pathsep.join([str(package), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": found})
    answers = [line.removeprefix(ANSWER) for line in done.stdout.splitlines() if line.startswith(ANSWER)]
    if done.returncode or not answers:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise UnusableModel(
            f"cannot be looked at ({last}); mend the installation: pip install -r envs/requirements.txt"
        )
    return json.loads(answers[-1])


def _remember(memory: Path, answer: dict[str, Any]) -> None:
    part = memory.with_name(f".{memory.name}.{os.getpid()}")
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(answer), encoding="utf-8")
        part.replace(memory)
    except OSError:
        # Then the next run asks again.
        return


def _remembered(memory: Path) -> dict[str, Any] | None:
    """What a file remembers; None where there is none, or what it holds is no answer."""
    try:
        answer = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) and answer.keys() & {REFUSED, "widths"} else None


def _cache(name: str) -> Path | None:
    """A file in the user's cache; None for a user without a home."""
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:
        return None
    return folder / "polyprune" / "models" / name


def _digest(source: Path, trusted: bool) -> str:
    parts = _parts_of_directory(source, trusted) if source.is_dir() else _parts_of_file(source)
    # Of the libraries, those that decide are part of the code's digest.
    return sha256(canonical_json([code_of(ADMITS), trusted, *parts]).encode()).hexdigest()


def _parts_of_directory(directory: Path, trusted: bool) -> Iterator[list[Any]]:
    weights = set(weight_files(directory))
    for file in checkpoint_files(directory, trusted):
        content = header_of(file) if file in weights else file.read_bytes()
        yield [file.name, sha256(content).hexdigest()]


def _parts_of_file(file: Path) -> Iterator[list[Any]]:
    size = file.stat().st_size
    with open(file, "rb") as stream:
        yield [size, sha256(stream.read(BEGINNING)).hexdigest()]
        stream.seek(max(0, size - END))
        yield [size, sha256(stream.read(END)).hexdigest()]
