"""How the time and memory of Snakemake grow with a study: a dry run of all jobs, and a run that finds nothing to do.

Run `python -m benchmarks.dag_scale --help`. The study has 7 languages, 3 seeds, 12 pairs of method and pattern (as many as 4
methods with 3 patterns), perplexity and five downstream tasks. Nothing is computed: for the run without work every artifact is
an empty file with a record of Snakemake's.
"""

import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from cyclopts import App

from benchmarks.sampler import Usage, run
from benchmarks.workload import LOGS, begin, introduce, machine, write_json
from workflow_scripts.planning.dag import study_dag
from workflow_scripts.planning.jobs import job_counts
from workflow_scripts.study import read_study

app = App(help=__doc__)

ROOT = Path(__file__).parents[1]
LANGUAGES = ["ar", "de", "en", "es", "ru", "sw", "zh"]
SECONDS, BYTES = 90.0, 1e9
"""What either run may take with 4 models."""
MODELS = 4
OFFLINE = {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}


@dataclass(frozen=True)
class Measured:
    """A study of so many models: its jobs, and what both runs took."""

    models: int
    jobs: int
    dry: Usage
    idle: Usage | None


def study(models: int) -> dict:
    """The study as a file has it, of models that nobody needs to have."""
    return {
        "study": "scale",
        "models": {f"model-{number}": {"hub": f"some/model-{number}", "revision": "main"} for number in range(models)},
        "corpora": {"embedded": {"kind": "embedded"}},
        "calibration": {
            "corpus": "embedded",
            "calibrations": LANGUAGES,
            "windows": 8,
            "length": 256,
            "seeds": [0, 1, 2],
        },
        "pruning": {"methods": ["sparsegpt", "wanda"], "patterns": [0.3, 0.4, 0.5, 0.6, "2:4", "4:8"]},
        "evaluation": {
            "corpus": "embedded",
            "languages": LANGUAGES,
            "documents": 8,
            "tasks": ["arc", "belebele", "global_mmlu_full", "global_piqa", "xnli"],
        },
    }


def snakemake(folder: Path, *arguments: str) -> list[str]:
    """The command on the study of a folder."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    return [*command, "--cores", "2", *arguments, "--configfile", str(folder / "study.yaml")]


def place_artifacts() -> None:
    """Make an empty file of every artifact of the study in the working directory."""
    for job in study_dag(Path("study.yaml"), forceall=True).jobs:
        for path in map(Path, map(str, job.output)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


def measure(folder: Path, models: int, idle: bool) -> Measured:
    """Both runs of a study of so many models, the second only if `idle`."""
    (folder / "study.yaml").write_text(yaml.safe_dump(study(models)), encoding="utf-8")
    log = folder / "log"
    dry = run(snakemake(folder, "--dry-run", "--quiet", "all"), log, OFFLINE)
    # One more, for what Snakemake is asked for is a job to it.
    jobs = 1 + sum(job_counts(read_study(study(models))).values())
    if not idle:
        return Measured(models, jobs, dry, None)
    placing = "from benchmarks.dag_scale import place_artifacts; place_artifacts()"
    environment = {**os.environ, **OFFLINE, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", placing], cwd=folder, env=environment, check=True)
    run(snakemake(folder, "--touch", "--forceall", "--quiet", "all"), log, OFFLINE)
    usage = run(snakemake(folder), log, OFFLINE)
    if "Nothing to be done" not in log.read_text(encoding="utf-8"):
        raise RuntimeError(f"The run of {models} models found work: {log.read_text(encoding='utf-8')[-2000:]}")
    return Measured(models, jobs, dry, usage)


def report(measured: Measured) -> None:
    """Print a row of the table."""
    cells = [
        f"{usage.seconds:8.1f} s {usage.peak_rss / 1e9:6.2f} GB" if usage else ""
        for usage in (measured.dry, measured.idle)
    ]
    print(f"{measured.models:>6} {measured.jobs:>7}  {cells[0]:>20}  {cells[1]:>20}", flush=True)


@app.default
def main(
    *models: int,
    idle_up_to: int = MODELS,
    folder: Path | None = None,
    output: Path = LOGS / "dag_scale.json",
) -> None:
    """Measure studies of a growing number of models.

    Args:
        models: how many models each study has; 1, 4, 10 and 40 by default.
        idle_up_to: models up to which the run without work is measured, which has to run all jobs once, as touches.
        folder: an existing folder for the artifacts; the system's temporary folder by default.
        output: JSON with every figure.
    """
    begin(2)
    facts = machine()
    introduce(facts)
    print(f"{'models':>6} {'jobs':>7}  {'dry run':>20}  {'nothing to do':>20}")
    found = []
    for number in models or (1, MODELS, 10, 40):
        with TemporaryDirectory(dir=folder) as made:
            found.append(measure(Path(made), number, number <= idle_up_to))
        report(found[-1])
    write_json(output, {"machine": facts, "figures": [asdict(one) for one in found]})
    usages = [usage for one in found if one.models == MODELS for usage in (one.dry, one.idle) if usage]
    missed = [usage for usage in usages if usage.seconds > SECONDS or usage.peak_rss > BYTES]
    if missed:
        print(f"missed: {MODELS} models are to take at most {SECONDS:.0f} s and {BYTES / 1e9:.0f} GB either way")
        sys.exit(1)


if __name__ == "__main__":
    app()
