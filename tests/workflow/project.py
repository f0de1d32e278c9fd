"""A copy of the project with a tiny model and corpus, driven through snakemake as a user would."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from tests.conftest import save_checkpoint, write_local_corpus
from tests.workflow.warm_python import warm_python
from workflow_scripts.artifacts.catalogue import ARTIFACTS
from workflow_scripts.artifacts.files import read_provenance

ROOT = Path(__file__).parents[2]
CODE = ("Snakefile", "rules", "workflow_scripts", "envs", "profiles", "studies", "config.yaml")
LANGUAGES = ("aa", "bb", "cc")


def tiny_study() -> dict:
    """Two languages, Wanda and SparseGPT, on a tiny Llama."""
    return {
        "study": "tiny",
        "models": {"tiny": {"path": "inputs/tiny"}},
        "corpora": {"letters": {"kind": "local", "path": "inputs/letters"}},
        "calibration": {
            "corpus": "letters",
            "calibrations": ["aa", "bb"],
            "windows": 2,
            "length": 16,
            "seeds": [0],
        },
        "pruning": {"methods": ["sparsegpt", "wanda"], "patterns": [0.5], "batch": 2},
        "evaluation": {"corpus": "letters", "languages": ["aa", "bb"], "documents": 4, "length": 32},
    }


def catalogued(results: Path) -> set[str]:
    """The kinds of artifacts that a run left, each file of exactly one kind, with its columns and the step that wrote it."""
    found = set()
    for path in (path for path in results.rglob("*") if path.is_file()):
        name = path.relative_to(results).as_posix()
        (artifact,) = [artifact for artifact in ARTIFACTS if artifact.matches(name)]
        found.add(artifact.title)
        if artifact.arrow_schema is not None:
            assert pq.read_schema(path).equals(artifact.arrow_schema), name
        elif artifact.columns:
            assert json.loads(path.read_text()).keys() == artifact.columns.keys(), name
        if path.suffix in {".parquet", ".safetensors", ".json"} and artifact.title != "Dense model":
            assert read_provenance(path)["step"] == artifact.step, name
    return found


def verify(folder: Path, study: str) -> tuple[int, str]:
    """Exit code and output of the command `verify` on the results of a study."""
    return run_command("verify", folder, study)


def run_command(name: str, folder: Path, study: str) -> tuple[int, str]:
    """Exit code and output of a command of polyprune's on the results of a study."""
    command = [warm_python() / "python", "-m", f"workflow_scripts.commands.{name}", "--configfile", study]
    done = subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 180.0) -> Any:
    """What a condition gives as soon as it holds."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.2)
    return found


class Project:
    """A folder with the code, and its study in `study.yaml`."""

    def __init__(self, folder: Path, warm: bool = False) -> None:
        """
        Args:
            folder: where to make it.
            warm: whether Snakemake and steps are forks of a Python that has their libraries imported, see `warm_python`.
        """
        self.folder, self.warm = folder, warm
        for name in CODE:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, folder / name)
        save_checkpoint(folder / "inputs" / "tiny")
        write_local_corpus(folder / "inputs" / "letters", list(LANGUAGES))
        self.study = tiny_study()

    def snakemake(self, *arguments: str, study: str = "study.yaml") -> str:
        """Run snakemake on the study with two cores; its output, raising on failure."""
        self.write_study()
        done = self.attempt(*arguments, study=study)
        assert done.returncode == 0, done.stdout + self.logs()
        return done.stdout

    def copied(self, folder: Path, *ignored: str) -> "Project":
        """A copy of the project as it stands, times kept, without the files of these names."""
        shutil.copytree(self.folder, folder, symlinks=True, ignore=shutil.ignore_patterns(*ignored))
        copy = deepcopy(self)
        copy.folder = folder
        return copy

    def write_study(self) -> None:
        """Write the study to `study.yaml`."""
        (self.folder / "study.yaml").write_text(yaml.safe_dump(self.study))

    def attempt(self, *arguments: str, study: str = "study.yaml") -> subprocess.CompletedProcess:
        """Run snakemake whatever comes of it, standard error within the output."""
        command = self._command(*arguments, study=study)
        if self.warm:
            command["args"][0] = warm_python() / "python"
        return subprocess.run(**command)

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start snakemake on the study, as a process that takes signals, and go on; what it says stands in `run.log`."""
        self.write_study()
        # No pipe, which would fill while nobody reads.
        with open(self.folder / "run.log", "w", encoding="utf-8") as log:
            return subprocess.Popen(**self._command(*arguments) | {"stdout": log})

    def _command(self, *arguments: str, study: str = "study.yaml") -> dict[str, Any]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHONPATH")}
        # The steps run the `python` of the environment that the tests run in.
        found = warm_python() if self.warm else Path(sys.executable).parent
        environment["PATH"] = f"{found}{os.pathsep}{environment['PATH']}"
        return {
            "args": [sys.executable, "-m", "snakemake", "--cores", "2", *arguments, "--configfile", study],
            "cwd": self.folder,
            "env": environment | {"HF_HUB_OFFLINE": "1"},
            "text": True,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
        }

    def logs(self) -> str:
        """The last lines of all logs of steps."""
        paths = sorted((self.folder / "logs").rglob("*.log"))
        return "".join(f"\n{path}\n" + "\n".join(path.read_text().splitlines()[-5:]) for path in paths)

    def planned(self, *targets: str) -> dict[str, int]:
        """Rule -> number of jobs that a run would start."""
        self.write_study()
        done = self.attempt("-n", *targets)
        assert done.returncode == 0, done.stdout
        rows = re.findall(r"^(\w+) +(\d+)$", done.stdout.partition("Job stats:")[2], re.MULTILINE)
        return {rule: int(count) for rule, count in rows if rule not in {"all", "total"}}

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace the one place where `old` stands in a file of the code."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, (file, old, text.count(old))
        path.write_text(text.replace(old, new), encoding="utf-8")

    def state(self, below: str) -> dict[str, tuple[str, int]]:
        """Path -> (SHA-256, time of change) of all files in a folder of the results."""
        files = sorted(path for path in (self.folder / "results" / below).rglob("*") if path.is_file())
        return {
            str(path.relative_to(self.folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
            for path in files
        }
