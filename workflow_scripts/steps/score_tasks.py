"""Step: score the items of all tasks of one language for several variants of a model, with one model load."""

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow_scripts.artifacts.files import canonical_json, make_provenance, write_table
from workflow_scripts.evaluation.pending import refuse_other_device, still_holds, variants_of
from workflow_scripts.evaluation.tasks.definitions import builtin
from workflow_scripts.evaluation.tasks.items import Reading
from workflow_scripts.models.compute import settled_names
from workflow_scripts.runtime.command_line import run_step
from workflow_scripts.runtime.process import imports_done

if TYPE_CHECKING:
    from workflow_scripts.evaluation.tasks.harness import Subject


@dataclass(frozen=True)
class Parameters:
    """How items are scored."""

    items: int
    """items of a task, from the first on; 0 for all"""
    lm_eval: str
    """version of lm-eval, which words the questions"""
    batch: int = 4
    """questions at a time, fewer with a large vocabulary"""
    threads: int = 1
    device: str = "auto"
    dtype: str = "auto"


@dataclass(frozen=True)
class Given:
    """What the user gave for a task: nothing for one whose data set the hub has."""

    file: str = ""
    """its definition, for a task of the user's"""
    data: str = ""
    """folder in place of the hub's data set"""
    inputs: list[str] = field(default_factory=list)
    """all files of it"""


@dataclass(frozen=True)
class Scores:
    """The items of one task for one variant, still to be scored."""

    task: str
    masks: Path | None
    weights: Path | None
    output: Path
    provenance: dict[str, Any]

    def progress(self, root: Path) -> Path:
        """Folder of the answers that an earlier run has left."""
        return root / sha256(canonical_json(self.provenance).encode()).hexdigest()[:16]


def score_tasks(
    *,
    model: Path,
    output: list[Path],
    parameters: Parameters,
    tasks: str,
    sources: str,
    language: str,
    masks: list[Path] | None = None,
    weights: list[Path] | None = None,
    progress: Path = Path("progress"),
    code: str = "",
) -> None:
    """Write log-likelihoods, margin and correctness per item, a Parquet file a task and variant.

    An output that is there already and still holds, by its provenance, is left as it is: a further task or seed costs only
    itself.

    Args:
        model: record of the dense model.
        output: files to write, task by task, and for each task the dense model's first if there is one more than mask
            stores, then one for each mask store.
        parameters: how to score.
        tasks: JSON, `task_{name}` -> how its items are read, see `Reading`; in the order of the outputs.
        sources: JSON, `task_{name}` -> what the user gave for it, see `Given`.
        language: language of the tasks.
        masks: mask stores of the variants.
        weights: kept weights of the variants, for methods that change them.
        progress: folder where answers are kept until the job has succeeded.
        code: digest of this step's code.

    Raises:
        TaskError: a data set is not to be had, or a task has no metric that says of an item whether it is right.
    """
    names = settled_names(parameters, model.parent)
    readings = json.loads(tasks)
    given = {task: Given(**entry) for task, entry in json.loads(sources).items()}
    variants = variants_of(output[: len(output) // len(readings)], masks, weights)
    pending = []
    for (task, (store, kept)), target in zip(product(readings, variants), output, strict=True):
        files = {"model": model, "masks": store, "weights": kept, task: [Path(path) for path in given[task].inputs]}
        told = asdict(parameters) | names | {"language": language, task: readings[task]}
        provenance = make_provenance("score_tasks", told, code, {role: path for role, path in files.items() if path})
        if still_holds(target, provenance):
            os.utime(target)
        else:
            pending.append(Scores(task, store, kept, target, provenance))
    if not pending:
        return
    # A job without anything to do is spared the seconds that these take.
    from workflow_scripts.evaluation.head import refuse_unsupported_model
    from workflow_scripts.evaluation.tasks.harness import SavingLM, score_items
    from workflow_scripts.models.checkpoint import load_model
    from workflow_scripts.models.device import settle
    from workflow_scripts.models.tokenizer import load_tokenizer
    from workflow_scripts.models.variant import apply_variant

    imports_done()
    subjects = {
        task: subjects_of(task, readings[task], given[task], language) for task in {entry.task for entry in pending}
    }
    device, dtype, names = settle(parameters, model.parent)
    refuse_other_device(pending[0].provenance, names)
    network = load_model(model.parent, dtype, device)
    refuse_unsupported_model(network)
    lm = SavingLM(network, load_tokenizer(model.parent), parameters.batch)
    held = None
    # Variant by variant, the dense model first: weights are put in once for all tasks.
    for entry in sorted(pending, key=lambda entry: str(entry.masks or "")):
        if entry.masks != held:
            apply_variant(network, model, entry.masks, entry.weights)
            held = entry.masks
        lm.progress, lm.provenance = entry.progress(progress), entry.provenance
        table = score_items(lm, subjects[entry.task], parameters.items, reading_of(readings[entry.task]))
        write_table(entry.output, table, entry.provenance)
    for entry in pending:
        shutil.rmtree(entry.progress(progress), ignore_errors=True)


def subjects_of(task: str, told: dict[str, Any], given: Given, language: str) -> "list[Subject]":
    """The tasks of lm-eval behind a task of the study."""
    from workflow_scripts.evaluation.tasks.harness import load_subjects

    definitions = [Path(given.file)] if given.file else builtin(told["definition"])
    before, asterisk, _ = Path(told["definition"]).stem.partition("*")
    asked = f"{task.removeprefix('task_')} in {language}"
    return load_subjects(definitions, before if asterisk else "", Path(given.data) if given.data else None, asked)


def reading_of(told: dict[str, Any]) -> Reading:
    """How a task's items are read, from JSON."""
    return Reading(**{key: tuple(value) if isinstance(value, list) else value for key, value in told.items()})


if __name__ == "__main__":
    run_step(score_tasks, imports_more=True)
