"""The profile for a batch system: jobs pass through a stand-in queue, one dies on the way, and the bytes are those of a local run."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from tests.workflow.project import ROOT, Project, wait_for
from tests.workflow.soak import artifacts_of

PROFILE = ROOT / "profiles" / "generic"
TABLE = "results/reports/tiny/overlap/tiny/wanda-0.5.parquet"

QSUB = """#!/bin/bash
# Grid Engine's qsub, which runs the job in the background, and kills the first that prunes.
cat > "$QUEUE/script"
id=$((100 + $(ls "$QUEUE" | grep -c asked)))
mv "$QUEUE/script" "$QUEUE/$id.script"
printf '%s\\n' "$@" > "$QUEUE/$id.asked"
cd /
JOB_ID=$id setsid bash "$QUEUE/$id.script" < /dev/null > "$QUEUE/$id.out" 2>&1 &
pid=$!
echo $pid > "$QUEUE/$id.pid"
if grep -q prune_model "$QUEUE/$id.asked" && mkdir "$QUEUE/killed" 2> /dev/null; then
  (sleep 2; kill -KILL -- -$pid) > /dev/null 2>&1 &
fi
echo $id
"""
QSTAT = """#!/bin/bash
# Grid Engine's qstat: all jobs that live.
echo "job-ID  prior  name  user  state"
echo "-------------------------------"
for file in "$QUEUE"/*.pid; do
  if [[ -e $file ]] && kill -0 "$(< "$file")" 2> /dev/null; then
    echo "    $(basename "$file" .pid) 0.55500 polyprune someone r"
  fi
done
"""
QDEL = """#!/bin/bash
for id; do kill -KILL -- -"$(< "$QUEUE/$id.pid")"; done
"""


def write_commands(folder: Path, **texts: str) -> None:
    """Executable scripts in a folder."""
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """A stand-in Grid Engine on the path, and the folder with its jobs."""
    write_commands(tmp_path / "bin", qsub=QSUB, qstat=QSTAT, qdel=QDEL)
    (tmp_path / "queue").mkdir()
    monkeypatch.setenv("QUEUE", str(tmp_path / "queue"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "queue"


def on_queue(project: Project, *arguments: str) -> str:
    """Run masks and a table on the stand-in queue."""
    # Looking often, and at as many jobs as the project has cores.
    hurry = ("--jobs", "2", "--seconds-between-status-checks", "1", "--latency-wait", "5")
    return project.snakemake("masks", TABLE, "--workflow-profile", "profiles/generic", *hurry, *arguments)


@pytest.mark.slow
def test_jobs_of_a_batch_system_leave_the_bytes_of_a_local_run(tmp_path, queue):
    local = Project(tmp_path / "local", warm=True)
    local.study["pruning"]["methods"] = ["wanda"]
    clustered = local.copied(tmp_path / "in a batch system")
    # A job is killed, which must be the process that works.
    clustered.warm = False
    local.snakemake("masks", TABLE)

    clustered.edit("profiles/generic/queue.sh", "grace=60", "grace=2")
    said = on_queue(clustered)
    assert artifacts_of(clustered) == artifacts_of(local)
    assert {path.partition("/")[0] for path in artifacts_of(local)} >= {"models", "pruned", "reports"}

    # The one that was killed has left no exit code, and was submitted again.
    assert (queue / "killed").is_dir()
    assert said.count("Trying to restart job") == 1
    jobs = int(re.search(r"^total +(\d+)$", said, re.MULTILINE)[1]) - len(["masks"])
    asked = [file.read_text().splitlines() for file in sorted(queue.glob("*.asked"))]
    assert len(asked) == jobs + 1
    wanted = [re.search(r"h_rt=(\d+),mem_free=(\d+)M", " ".join(words)).groups() for words in asked]
    seconds, megabytes = zip(*(map(int, pair) for pair in wanted), strict=True)
    # Again with twice the time and half as much memory more.
    (again,) = [place for place, own in enumerate(seconds) if own == 2 * min(seconds)]
    assert sorted({*seconds}) == [min(seconds), 2 * min(seconds)]
    assert megabytes[again] in {round(1.5 * own) for place, own in enumerate(megabytes) if place != again}

    assert list((clustered.folder / ".snakemake/cluster").iterdir()) == []
    assert len(list((clustered.folder / "logs/cluster").iterdir())) == jobs + 1
    # What the nodes recorded is enough for a run on this machine.
    assert "Nothing to be done" in clustered.snakemake("masks", TABLE, "-n")


@pytest.mark.soak
def test_stopping_snakemake_cancels_what_is_in_the_queue(tmp_path, queue):
    project = Project(tmp_path / "project")
    run = project.start("masks", "--workflow-profile", "profiles/generic", "--jobs", "2")
    # Of a job in the very moment of its submission Snakemake knows no id yet.
    wait_for(lambda: (project.folder / "run.log").read_text().count("with external jobid") == 2, "two jobs", 30)
    assert len(living(queue)) == 2
    run.send_signal(signal.SIGINT)
    run.wait(60)
    wait_for(lambda: not living(queue), "an empty queue", 30)
    assert list((project.folder / ".snakemake/cluster").iterdir()) == []


@pytest.mark.soak
def test_after_a_sigkill_jobs_are_cancelled_by_hand_and_the_run_goes_on(tmp_path, queue):
    project = Project(tmp_path / "project")
    run = project.start("masks", "--workflow-profile", "profiles/generic", "--jobs", "2")
    wait_for(lambda: (project.folder / "run.log").read_text().count("with external jobid") == 2, "two jobs", 30)
    run.kill()
    run.wait(10)
    assert len(living(queue)) == 2
    subprocess.run(["profiles/generic/cancel.sh"], cwd=project.folder, check=True)
    wait_for(lambda: not living(queue), "an empty queue", 30)
    project.snakemake("--unlock")
    hurry = ("--jobs", "2", "--seconds-between-status-checks", "1", "--latency-wait", "5")
    project.snakemake("results/corpora/letters/aa.parquet", "--workflow-profile", "profiles/generic", *hurry)
    assert (project.folder / "results/corpora/letters/aa.parquet").is_file()


def living(queue: Path) -> list[str]:
    """The rows of jobs that the stand-in queue still has."""
    rows = subprocess.run(["qstat"], capture_output=True, text=True, check=True).stdout.splitlines()
    return rows[2:]


@pytest.fixture
def profile(tmp_path, monkeypatch):
    """A function that calls a script of the profile under a batch system whose commands leave their arguments."""
    bin_folder = tmp_path / "bin"
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("PATH", f"{bin_folder}{os.pathsep}{os.environ['PATH']}")
    write_commands(tmp_path / "profile", **{name: (PROFILE / name).read_text() for name in SCRIPTS})

    def call(system: str, script: str, *arguments: str, **commands: str) -> subprocess.CompletedProcess:
        queue = (PROFILE / "queue.sh").read_text().replace("system=sge", f"system={system}", 1)
        (tmp_path / "profile/queue.sh").write_text(queue.replace("grace=60", "grace=1", 1))
        write_commands(bin_folder, **{name: f"#!/bin/bash\n{text}\n" for name, text in commands.items()})
        command = [str(tmp_path / "profile" / script), *arguments]
        return subprocess.run(command, cwd=tmp_path / "work", capture_output=True, text=True)

    call.work = tmp_path / "work"
    return call


SCRIPTS = ("submit.sh", "status.sh", "cancel.sh", "queue.sh")
SAVE = 'cat > script; printf "%s\\n" "$@" > asked; '


@pytest.mark.parametrize(
    ("system", "command", "says", "id_", "asked"),
    [
        (
            "sge",
            "qsub",
            "17",
            "17",
            "-terse -V -S /bin/bash -N polyprune-prune_model -j y -o /dev/null -l h_rt=5400,mem_free=2000M -pe smp 4 -l gpu=1",
        ),
        (
            "pbs",
            "qsub",
            "17.server",
            "17.server",
            "-V -S /bin/bash -N polyprune-prune_model -j oe -o /dev/null -l select=1:ncpus=4:mem=8000mb:ngpus=1 -l walltime=1:30:00",
        ),
        (
            "lsf",
            "bsub",
            "Job <17> is submitted to default queue <normal>.",
            "17",
            "-J polyprune-prune_model -o /dev/null -n 4 -W 90 -R span[hosts=1] rusage[mem=8000MB] -gpu num=1",
        ),
    ],
)
def test_each_batch_system_is_told_all_resources_in_its_words(profile, system, command, says, id_, asked):
    (profile.work / "job.sh").write_text("#!/bin/sh\n# properties = {}\ntrue && exit 3 || exit 1\n")
    told = ("prune_model", "4", "8000", "90", "1", "job.sh")
    done = profile(system, "submit.sh", *told, **{command: f"{SAVE} echo '{says}'"})
    assert (done.returncode, done.stdout) == (0, f"{id_}\n"), done.stderr
    assert (profile.work / "asked").read_text().split() == asked.split()
    # The job finds its folder, and leaves its exit code and what it says.
    name = {"sge": "JOB_ID", "pbs": "PBS_JOBID", "lsf": "LSB_JOBID"}[system]
    assert subprocess.run(["bash", profile.work / "script"], cwd="/", env=os.environ | {name: id_}).returncode == 3
    assert (profile.work / ".snakemake/cluster" / id_).read_text() == "3\n"
    assert (profile.work / f"logs/cluster/prune_model-{id_}.log").is_file()


def test_a_job_on_one_processor_without_a_gpu_asks_for_neither(profile):
    (profile.work / "job.sh").write_text("true\n")
    for system, command in (("sge", "qsub"), ("pbs", "qsub"), ("lsf", "bsub")):
        profile(system, "submit.sh", "all", "1", "1000", "5", "0", "job.sh", **{command: f"{SAVE} echo 1"})
        asked = (profile.work / "asked").read_text()
        assert "gpu" not in asked and "smp" not in asked


def test_a_refused_submission_is_an_error(profile):
    (profile.work / "job.sh").write_text("true\n")
    told = ("all", "1", "1000", "5", "0", "job.sh")
    for commands in ({"qsub": "echo no such queue >&2; exit 1"}, {"qsub": "exit 0"}):
        done = profile("sge", "submit.sh", *told, **commands)
        assert done.returncode != 0 and done.stdout == ""


ABSENT = {
    "sge": {"qstat": "exit 0", "qdel": "exit 0"},
    "pbs": {"qstat": "echo qstat: Unknown Job Id 17 >&2; exit 153", "qdel": "exit 0"},
    "lsf": {"bjobs": "echo 'Job <17> is not found' >&2; exit 255", "bkill": "exit 0"},
}
LISTED = {
    "sge": {"qstat": "echo ' 17 0.5 polyprune-p someone qw'"},
    "pbs": {"qstat": "echo '    job_state = Q'"},
    "lsf": {"bjobs": "echo PEND"},
}
SILENT = {
    "sge": {"qstat": "echo error: unable to contact qmaster >&2; exit 1"},
    "pbs": {"qstat": "echo Connection refused >&2; exit 111"},
    "lsf": {"bjobs": "echo LSF is down. Please wait >&2; exit 255"},
}


@pytest.mark.parametrize("system", ABSENT)
def test_the_status_is_told_from_the_exit_code_and_the_queue(profile, system):
    jobs = profile.work / ".snakemake/cluster"
    jobs.mkdir(parents=True)

    def status(**commands: str) -> str:
        done = profile(system, "status.sh", "17", **commands)
        assert done.returncode == 0
        return done.stdout

    for commands in (LISTED[system], SILENT[system]):
        assert status(**commands) == "running\n"
    for code, word in ((0, "success\n"), (1, "failed\n")):
        (jobs / "17").write_text(f"{code}\n")
        assert status(**ABSENT[system]) == word
        assert list(jobs.iterdir()) == []
    # Dead without a word: only after the time that a word may take.
    assert status(**ABSENT[system]) == "running\n"
    time.sleep(1.1)
    assert status(**ABSENT[system]) == "failed\n"
    assert list(jobs.iterdir()) == []


def test_a_job_in_an_error_state_has_failed_and_leaves_the_queue(profile):
    (profile.work / ".snakemake/cluster").mkdir(parents=True)
    commands = {"qstat": "echo ' 17 0.5 polyprune-p someone Eqw'", "qdel": 'echo "$@" > deleted'}
    assert profile("sge", "status.sh", "17", **commands).stdout == "running\n"
    time.sleep(1.1)
    assert profile("sge", "status.sh", "17", **commands).stdout == "failed\n"
    assert (profile.work / "deleted").read_text() == "17\n"


def test_cancel_without_ids_takes_what_a_killed_run_left(profile):
    jobs = profile.work / ".snakemake/cluster"
    jobs.mkdir(parents=True)
    for name, text in (("17", ""), ("18", ""), ("19", "0\n")):
        (jobs / name).write_text(text)
    for system, command in (("sge", "qdel"), ("pbs", "qdel"), ("lsf", "bkill")):
        for name in ("17", "18"):
            (jobs / name).touch()
        profile(system, "cancel.sh", **{command: 'echo "$@" > cancelled'})
        assert sorted((profile.work / "cancelled").read_text().split()) == ["17", "18"]
        assert [path.name for path in jobs.iterdir()] == ["19"]


def test_the_profile_is_complete_by_itself():
    default, generic = (
        yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text()) for name in ("default", "generic")
    )
    # The batch system counts the GPUs.
    del default["resources"]
    assert {key: generic[key] for key in default} == default
    assert all(os.access(PROFILE / name, os.X_OK) for name in ("submit.sh", "status.sh", "cancel.sh"))
