"""What may happen to a finished study: each edit, change or accident of docs/staleness.md, by its words there."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.conftest import save_checkpoint, write_local_corpus
from tests.evaluation.task_files import items, write_task
from tests.test_inside_steps import write_parallel
from tests.workflow.project import ROOT, Project

Disturbance = Callable[[Project], None]
DISTURBANCES: dict[str, Disturbance] = {}
PERPLEXITY = "workflow_scripts/evaluation/perplexity.py"
FURTHER = "## Tasks, generated text and the inside of models"
"""Heading of the table whose study measures more than perplexity."""


def staleness_study() -> dict:
    """Two languages of made-up words to calibrate with, and of the embedded corpus to evaluate on."""
    return {
        "study": "tiny",
        "models": {"tiny": {"path": "inputs/tiny"}},
        "corpora": {"words": {"kind": "local", "path": "inputs/words"}, "texts": {"kind": "embedded"}},
        "calibration": {"corpus": "words", "calibrations": ["de", "sw"], "windows": 2, "length": 16, "seeds": [0]},
        "pruning": {"methods": ["sparsegpt", "wanda"], "patterns": [0.5], "batch": 2},
        "evaluation": {"corpus": "texts", "languages": ["de", "sw"], "documents": 4, "length": 32},
    }


def staleness_project(folder: Path) -> Project:
    """The project of the table, not yet run."""
    project = Project(folder, warm=True)
    write_local_corpus(folder / "inputs/words", ["de", "en", "sw"])
    project.study = staleness_study()
    return project


def further_project(folder: Path) -> Project:
    """The project of the last table, not yet run: one method, and everything that can be measured of a mask."""
    project = Project(folder, warm=True)
    write_parallel(folder / "inputs/words", ["de", "sw"])
    for language in ("de", "sw"):
        for task in ("news", "trade"):
            write_task(folder / "inputs/tasks" / language, task, items())
    write_questions(folder / "inputs/questions.jsonl")
    project.study |= {
        "calibration": {"corpus": "words", "calibrations": ["de", "sw"], "windows": 2, "length": 16, "seeds": [0]},
        "corpora": {"words": {"kind": "local", "path": "inputs/words"}},
        "pruning": {"methods": ["wanda"], "patterns": [0.5], "batch": 2},
        "evaluation": {
            "corpus": "words",
            "languages": ["de", "sw"],
            "documents": 4,
            "length": 32,
            "tasks": ["news"],
            "task_files": task_files("news"),
            "questions": {"path": "inputs/questions.jsonl", "items": 3, "tokens": 4},
            "continuations": {"prompts": 3, "opening": 6, "tokens": 9},
            "representations": {"documents": 4},
            "activations": {"tokens": 60},
        },
    }
    return project


def task_files(*tasks: str) -> dict[str, dict[str, str]]:
    """Task -> language -> its file."""
    return {task: {language: f"inputs/tasks/{language}/{task}.yaml" for language in ("de", "sw")} for task in tasks}


def write_questions(path: Path, first: str = "ab") -> None:
    """Four questions in MKQA's form."""
    texts = [first, "cd", "ef gh", "i"]
    rows = [
        {
            "example_id": number,
            "queries": {language: text for language in ("de", "sw")},
            "answers": {language: [{"type": "entity", "text": text[::-1]}] for language in ("de", "sw")},
        }
        for number, text in enumerate(texts)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def documented() -> tuple[dict[str, dict[str, int] | str], dict[str, dict[str, int] | str]]:
    """Disturbance -> rule -> number of jobs, or the word `everything`: of docs/staleness.md's first study, and of its second."""
    first, heading, second = (ROOT / "docs/staleness.md").read_text(encoding="utf-8").partition(FURTHER)
    assert heading, f"{FURTHER} is not in docs/staleness.md"
    return _rows(first), _rows(second)


def _rows(page: str) -> dict[str, dict[str, int] | str]:
    rows = re.findall(r"^\| (.+) \| (.+) \|$", page, re.MULTILINE)
    return {name: _jobs(cell) for name, cell in rows if name not in {"what happens", "---"}}


def _jobs(cell: str) -> dict[str, int] | str:
    if cell == "everything":
        return cell
    return {rule: int(count or 1) for count, rule in re.findall(r"(?:(\d+) )?`(\w+)`", cell)}


def disturbance(words: str) -> Callable[[Disturbance], Disturbance]:
    """Name a disturbance as the table does."""

    def named(function: Disturbance) -> Disturbance:
        DISTURBANCES[words] = function
        return function

    return named


def edit(words: str, file: str, old: str, new: str) -> None:
    """A disturbance that replaces the one place where `old` stands."""
    disturbance(words)(lambda project: project.edit(file, old, new))


def append(words: str, file: str) -> None:
    """A disturbance that adds a line of code to a module."""

    @disturbance(words)
    def add_line(project: Project) -> None:
        path = project.folder / file
        path.write_text(path.read_text(encoding="utf-8") + "\nADDED = 1\n", encoding="utf-8")


def change(words: str, *keys: str, to: object) -> None:
    """A disturbance that sets a key of the study."""

    @disturbance(words)
    def set_key(project: Project) -> None:
        section = project.study
        for key in keys[:-1]:
            section = section.setdefault(key, {})
        section[keys[-1]] = to


# Code.
edit("a comment and a blank line", PERPLEXITY, "    rows = []\n", "    # Why.\n\n    rows = []\n")
edit("a docstring", PERPLEXITY, '"""A table of PERPLEXITY_SCHEMA', '"""One table of PERPLEXITY_SCHEMA')
edit("a docstring of an attribute", "workflow_scripts/artifacts/files.py", '"""Of the dtypes', '"""Of all dtypes')
edit("the version of polyprune", "workflow_scripts/__init__.py", '__version__ = "0.1.0"', '__version__ = "0.2.0"')
edit(
    "a key more in a study, of which no step is told",
    "workflow_scripts/study/sections.py",
    "    dense: Flag = True\n",
    "    dense: Flag = True\n    added: Flag = True\n",
)
edit("the formula of perplexity", PERPLEXITY, "nats.double().sum()", "nats.double().mean()")
edit("a constant of SparseGPT", "workflow_scripts/pruning/sparsegpt.py", "DAMPING = 0.01", "DAMPING = 0.02")
append("the patterns of sparsity, which all methods share", "workflow_scripts/pruning/patterns.py")
append("the sampling of windows", "workflow_scripts/corpora/windows.py")
append("the reading of local corpora", "workflow_scripts/corpora/sources/local.py")
append("the formula of an interval", "workflow_scripts/analysis/crossed.py")
append("the packing of masks into bits", "workflow_scripts/masks/packing.py")
append("the `__init__.py` of the package `pruning`", "workflow_scripts/pruning/__init__.py")
append("the `__init__.py` of the whole package", "workflow_scripts/__init__.py")
edit("the template of the report", "workflow_scripts/reporting/template.html.j2", "</head>", "<!-- remark --></head>")


@disturbance("a pruning method more that the study does not ask for")
def add_method(project: Project) -> None:
    methods = project.folder / "workflow_scripts/pruning/methods"
    shutil.copytree(methods / "wanda", methods / "another")


@disturbance("every file of the code is touched")
def touch_code(project: Project) -> None:
    for path in [*project.folder.rglob("*.py"), *project.folder.rglob("*.smk"), project.folder / "Snakefile"]:
        path.touch()


# Libraries.
def install(words: str, library: str) -> None:
    """A disturbance that makes another version of a library the installed one."""

    @disturbance(words)
    def set_version(project: Project) -> None:
        folder = project.folder / f"{library}-99.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {library}\nVersion: 99.0\n")


install("another version of torch", "torch")
install("another version of tokenizers", "tokenizers")
install("another version of scipy", "scipy")
install("another version of matplotlib", "matplotlib")
install("another version of pyarrow, which carries tables and decides no number", "pyarrow")


# The study.
@disturbance("languages, methods and seeds in another order")
def reorder(project: Project) -> None:
    project.study["evaluation"]["languages"].reverse()
    project.study["calibration"]["calibrations"].reverse()
    project.study["pruning"]["methods"].reverse()


@disturbance("a language more to calibrate with and to evaluate in")
def add_language(project: Project) -> None:
    project.study["calibration"]["calibrations"].append("en")
    project.study["evaluation"]["languages"].append("en")


@disturbance("a language less")
def remove_language(project: Project) -> None:
    project.study["calibration"]["calibrations"].remove("sw")
    project.study["evaluation"]["languages"].remove("sw")


change("a language more to evaluate in", "evaluation", "languages", to=["de", "en", "sw"])
change("a seed more", "calibration", "seeds", to=[0, 1])
change("a pattern more", "pruning", "patterns", to=[0.5, "2:4"])
change("a method less", "pruning", "methods", to=["wanda"])


@disturbance("a method more")
def add_sparsegpt(project: Project) -> None:
    methods = project.study["pruning"]["methods"]
    project.study["pruning"]["methods"] = ["wanda"]
    project.snakemake()
    for folder in list(project.folder.glob("results/*/tiny/sparsegpt")):
        shutil.rmtree(folder)
    project.study["pruning"]["methods"] = methods


change("another corpus to evaluate on", "evaluation", "corpus", to="words")
change("more evaluation documents", "evaluation", "documents", to=5)
change("cloze items", "evaluation", "cloze", to=2)
change("other windows", "calibration", "windows", to=3)
change("another name of the study", "study", to="other")
change("the licence of a corpus, for the report", "corpora", "words", "licence", to="CC0-1.0")
change("a corpus more that no one asks for", "corpora", "more", to={"kind": "local", "path": "inputs/letters"})
change("`keep.windows: false`", "keep", to={"windows": False})
change("`evaluation.batch`", "evaluation", "batch", to=3)
change("`pruning.memory`", "pruning", "memory", to="3 GiB")
change("`pruning.batch`", "pruning", "batch", to=1)
change("`compute.threads`", "compute", to={"threads": 2})
change("`compute.dtype`", "compute", to={"dtype": "float64"})
change("`compute.device: cpu` in place of `auto`", "compute", to={"device": "cpu"})


@disturbance("a control under one name, which is then another one")
def rename_control(project: Project) -> None:
    control = {"kind": "shuffled", "language": "sw"}
    project.study["calibration"] |= {"calibrations": ["de", "sw", "mixed"], "controls": {"mixed": control}}
    project.snakemake()
    project.study["calibration"] |= {"calibrations": ["de", "sw", "words"], "controls": {"words": control}}


# Inputs.
@disturbance("a calibration text in German is corrected")
def correct_text(project: Project) -> None:
    path = project.folder / "inputs/words/de.jsonl"
    path.write_text(path.read_text().replace('"text": "', '"text": "a', 1))


@disturbance("an evaluation text in German is corrected")
def correct_embedded_text(project: Project) -> None:
    path = project.folder / "workflow_scripts/corpora/data/de.jsonl"
    path.write_text(path.read_text().replace(".", "!", 1))


@disturbance("other weights of the model under the same name")
def train_on(project: Project) -> None:
    save_checkpoint(project.folder / "inputs/tiny", seed=1)


@disturbance("texts and model are touched")
def touch_inputs(project: Project) -> None:
    for path in (path for path in project.folder.joinpath("inputs").rglob("*") if path.is_file()):
        path.touch()


# Results.
@disturbance("every file of the results is touched, in any order")
def touch_results(project: Project) -> None:
    paths = sorted(path for path in project.folder.joinpath("results").rglob("*") if path.is_file())
    for number, path in enumerate(reversed(paths)):
        os.utime(path, ns=(10**18 + number * 10**9,) * 2)


@disturbance("the folder is moved")
def move(project: Project) -> None:
    moved = project.folder.with_name("elsewhere")
    project.folder.rename(moved)
    project.folder = moved


@disturbance("the folder is copied, and the copies are as new as they come (`cp -r`)")
def copy_anew(project: Project) -> None:
    copied = project.folder.with_name("copied")
    shutil.copytree(project.folder, copied, symlinks=True, copy_function=shutil.copyfile)
    project.folder = copied


@disturbance("the results go to a fresh clone without `.snakemake/`, times kept (`cp -a`)")
def clone(project: Project) -> None:
    shutil.rmtree(project.folder / ".snakemake")


@disturbance("the same with new times, then `snakemake --touch --forceall`")
def clone_anew(project: Project) -> None:
    copy_anew(project)
    clone(project)
    project.snakemake("--touch", "--forceall")


@disturbance("the same, and then the formula of an interval")
def clone_anew_and_edit(project: Project) -> None:
    clone_anew(project)
    DISTURBANCES["the formula of an interval"](project)


@disturbance("one mask is deleted")
def delete_mask(project: Project) -> None:
    (project.folder / "results/pruned/tiny/wanda/0.5/words-2x16-sequential/sw/0/masks.parquet").unlink()


@disturbance("one perplexity is deleted")
def delete_perplexity(project: Project) -> None:
    (project.folder / "results/perplexity/tiny/dense/texts-4x32/sw.parquet").unlink()


@disturbance("the report is deleted")
def delete_report(project: Project) -> None:
    (project.folder / "results/reports/tiny/report.html").unlink()


@disturbance("another study with some of the same masks has run since")
def run_another_study(project: Project) -> None:
    own = project.study
    project.study = staleness_study() | {"study": "other"}
    project.study["pruning"]["methods"] = ["wanda"]
    project.snakemake()
    project.study = own


# Of the second study.
append("how an answer is compared with the gold ones", "workflow_scripts/evaluation/answers.py")
append("the divergence from the dense model", "workflow_scripts/evaluation/divergence.py")
append("how the language of a continuation is told", "workflow_scripts/evaluation/fidelity.py")
append("the split of subspaces", "workflow_scripts/analysis/subspaces.py")
append("which neurons are language-specific", "workflow_scripts/analysis/neurons.py")
append("how errors against the dense model are measured", "workflow_scripts/analysis/representations.py")
append("the intervals of tasks", "workflow_scripts/analysis/clusters.py")
install("another version of lm-eval", "lm_eval")
install("another version of py3langid", "py3langid")
install("another version of fontTools, which knows the scripts", "fonttools")
change("more task items", "evaluation", "task_items", to=5)
change("more questions", "evaluation", "questions", "items", to=4)
change("longer answers", "evaluation", "questions", "tokens", to=5)
change("longer continuations", "evaluation", "continuations", "tokens", to=10)
change("more documents of representations", "evaluation", "representations", "documents", to=5)
change("more tokens of activations", "evaluation", "activations", "tokens", to=70)


@disturbance("no tasks")
def remove_tasks(project: Project) -> None:
    del project.study["evaluation"]["tasks"], project.study["evaluation"]["task_files"]


@disturbance("a task more")
def add_task(project: Project) -> None:
    project.study["evaluation"] |= {"tasks": ["news", "trade"], "task_files": task_files("news", "trade")}


@disturbance("an item of a task is corrected in German")
def correct_item(project: Project) -> None:
    rows = items()
    rows[0]["question"] = "abd"
    write_task(project.folder / "inputs/tasks/de", "news", rows)


@disturbance("a question is corrected")
def correct_question(project: Project) -> None:
    write_questions(project.folder / "inputs/questions.jsonl", first="ba")


change("SparseGPT beside Wanda", "pruning", "methods", to=["sparsegpt", "wanda"])
