"""Kill runs of a tiny study at random moments, go on as the README says, and compare with a run that nobody disturbed.

    python -m tests.workflow.soak --kills 50 --seed 1

Each time Snakemake, all of a run (as Ctrl-C does) or one step gets a signal; then nothing may be left that still writes.
When a study comes to its end, it starts again from nothing, until there were as many kills as asked for.
"""

import argparse
import hashlib
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil
from tqdm import tqdm

from tests.workflow.project import Project

ENDINGS = {".parquet", ".safetensors", ".json", ".svg", ".png"}
"""Files that hold the same bytes after every run; the report tells durations, and its record has its digest."""
LONGEST = 25.0
"""Seconds until the latest signal: about as long as the study takes."""


def soak_project(folder: Path, warm: bool = False) -> Project:
    """A small study with every kind of step that writes more than one file."""
    project = Project(folder, warm)
    project.study["evaluation"]["languages"] = ["aa"]
    project.study["calibration"]["calibrations"] = ["aa"]
    return project


def artifacts_of(project: Project) -> dict[str, str]:
    """Path below the results -> SHA-256, of all artifacts that do not depend on the time of day."""
    results = project.folder / "results"
    return {
        path.relative_to(results).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(results.rglob("*"))
        if path.is_file() and path.suffix in ENDINGS and not path.with_name("report.html").exists()
    }


def leftovers(project: Project) -> list[str]:
    """What no finished run may leave in the results: files that are half written."""
    return [str(path) for path in (project.folder / "results").rglob("*.part")]


def steps_of(project: Project) -> list[psutil.Process]:
    """The steps that run in the project's folder, whoever started them."""
    found = []
    for process in psutil.process_iter():
        try:
            is_step = any(word.startswith("workflow_scripts.") for word in process.cmdline())
            if is_step and Path(process.cwd()) == project.folder and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def disturb(project: Project, chance: random.Random) -> str:
    """Start a run, end it at a random moment, and recover from that as documented. What was done.

    Raises:
        AssertionError: a step went on by itself.
    """
    run = project.start()
    moment = time.monotonic() + chance.uniform(0.2, LONGEST)
    what = chance.choice(["terminate", "interrupt", "kill", "kill a step"])
    while time.monotonic() < moment and run.poll() is None:
        time.sleep(0.05)
    steps = steps_of(project)
    if run.poll() is None:
        if what == "terminate":
            run.send_signal(signal.SIGTERM)
        elif what == "kill":
            run.kill()
        elif what == "interrupt":
            for process in [run, *steps]:
                process.send_signal(signal.SIGINT)
        elif steps:
            chance.choice(steps).kill()
    else:
        what = "came to its end"
        assert run.returncode == 0, (project.folder / "run.log").read_text(encoding="utf-8")
    run.wait()
    patience = time.monotonic() + 10
    while steps_of(project) and time.monotonic() < patience:
        time.sleep(0.1)
    assert not steps_of(project), f"after {what} a step goes on: {steps_of(project)}"
    if what == "kill":
        project.snakemake("--unlock")
    return what


def soak(undisturbed: Project, project: Project, kills: int, seed: int) -> Counter[str]:
    """Disturb a project `kills` times; what was done how often.

    Raises:
        AssertionError: in the end an artifact is not what it is without disturbance, or something is left over.
    """
    chance, done = random.Random(seed), Counter()
    wanted = artifacts_of(undisturbed)
    with tqdm(total=kills, unit="kill", disable=None) as progress:
        while done.total() - done["came to its end"] < kills:
            done[what := disturb(project, chance)] += 1
            if what == "came to its end":
                assert artifacts_of(project) == wanted
                shutil.rmtree(project.folder / "results")
                shutil.rmtree(project.folder / ".snakemake")
            else:
                progress.update()
    project.snakemake()
    assert artifacts_of(project) == wanted
    assert not leftovers(project)
    assert project.planned() == {}
    return done


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        undisturbed, project = soak_project(Path(folder, "undisturbed")), soak_project(Path(folder, "soaked"))
        undisturbed.snakemake()
        done = soak(undisturbed, project, given.kills, given.seed)
    sys.stdout.write(", ".join(f"{what}: {count}" for what, count in sorted(done.items())) + "; all artifacts equal.\n")


if __name__ == "__main__":
    main()
