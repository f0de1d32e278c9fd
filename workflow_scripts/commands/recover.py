"""Command: clear up after a run on SLURM that was killed: end its jobs, wait for them, take its lock away."""

import subprocess
import sys
import time
from pathlib import Path
from shutil import which

from tqdm import tqdm

from workflow_scripts.planning.dag import SNAKEFILE
from workflow_scripts.runtime.command_line import run_step
from workflow_scripts.runtime.locks import controllers
from workflow_scripts.runtime.mistakes import Mistake
from workflow_scripts.study import DEFAULT, read_file
from workflow_scripts.wiring.cluster import SlurmError, ask_slurm, jobs_here


def recover(configfile: Path = DEFAULT, *, patience: float = 300.0) -> None:
    """End the jobs that a killed run left behind in this folder and unlock it; nothing else is touched.

    Args:
        configfile: the study, as for snakemake; the default study if left out.
        patience: seconds to wait for jobs to end.
    """
    read_file(configfile, with_texts=False)
    folder = Path.cwd()
    if running := controllers(folder):
        sys.exit(
            f"A run still works in this folder (process {running[0]}): stop it with kill -TERM {running[0]}, and wait for it."
        )
    jobs = jobs_here(folder)
    if jobs:
        ask_slurm(["scancel", *sorted({job.number for job in jobs})])
        wait_for_end(folder, len(jobs), patience)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE), "--unlock"]
    done = subprocess.run([*command, "--configfile", str(configfile)], text=True, capture_output=True)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise Mistake(f"The folder could not be unlocked ({said[-1]}): mend that, and call recover again.")
    print(f"Ended {len(jobs)} jobs and unlocked the folder: run snakemake again as before.")
    if which("squeue") is None:
        print("SLURM's squeue is not here: if the run was on a cluster, call recover where it is, lest jobs go on.")


def wait_for_end(folder: Path, number: int, patience: float) -> None:
    """Wait until SLURM holds none of the folder's jobs any more: one that ends may still write.

    Raises:
        SlurmError: some are there after `patience` seconds.
    """
    end = time.monotonic() + patience
    with tqdm(total=number, desc="jobs ended", unit="job") as bar:
        while jobs := jobs_here(folder):
            bar.update(number - len(jobs) - bar.n)
            if time.monotonic() > end:
                raise SlurmError(f"SLURM still holds {jobs[0].number} after {patience:.0f} s: look at squeue --me.")
            time.sleep(1)
        bar.update(number - bar.n)


if __name__ == "__main__":
    run_step(recover)
