"""Equal settings give equal bytes, on one machine and on a real SLURM, which this machine has for as long as the tests run.

A job that dies asks for more memory, a run that is cancelled goes on, and after a kill nothing is written twice.
"""

import os
import re
import signal
import subprocess

import pytest
import yaml

from tests.workflow.project import ROOT, Project, run_command, verify, wait_for
from tests.workflow.slurm import REQUIRED, Unusable, check_machine, cluster
from tests.workflow.soak import artifacts_of, leftovers
from workflow_scripts.models.scratch import MODELS, SCRATCH

pytestmark = pytest.mark.slow
PROFILE = [
    "--workflow-profile",
    "profiles/slurm",
    # A cluster without accounting, that answers at once.
    "--slurm-status-command",
    "squeue",
    "--slurm-init-seconds-before-status-checks",
    "1",
    "--seconds-between-status-checks",
    "1",
]
PATIENCE = 180.0


@pytest.fixture(scope="module")
def unusable():
    """Why there can be no SLURM here; empty where there can. Fails where there must be one.

    Asked once, before the tests' own runs: beside that one the machine would look like one with a SLURM of its own.
    """
    try:
        check_machine()
    except Unusable as error:
        if os.environ.get(REQUIRED):
            pytest.fail(str(error))
        return str(error)
    return ""


@pytest.fixture(scope="module")
def slurm(unusable, tmp_path_factory):
    if unusable:
        pytest.skip(unusable)
    with cluster(tmp_path_factory.mktemp("slurm")) as running:
        yield running
        assert running.jobs() == []


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A study with its calibration windows drawn, from which pruning starts; and its masks as one machine makes them."""
    project = Project(tmp_path_factory.mktemp("prepared") / "project", warm=True)
    project.study["pruning"]["methods"] = ["wanda"]
    # Jobs for three rounds on two cores: a test that looks for one under way finds it.
    project.study["calibration"]["seeds"] = [0, 1]
    project.snakemake("masks", "--until", "sample_calibration")
    local = project.copied(project.folder.with_name("local"))
    local.snakemake("masks")
    return project, artifacts_of(local)


@pytest.fixture
def project(prepared, slurm, tmp_path):
    """A copy of the prepared study, to be pruned on the cluster."""
    project, _ = prepared
    yield project.copied(tmp_path / "project")
    slurm.cancel_all()


def start(project, *arguments, warm=False):
    """Start the run on the cluster; what it says stands in `run.log`. Its steps may be warm where nobody kills them."""
    project.warm = warm
    return project.start("masks", *PROFILE, *arguments)


def running(slurm, project):
    """The jobs of a project that prune at the moment."""
    return [
        job
        for job in slurm.jobs("RUNNING")
        if (told := slurm.told(job)).get("WorkDir") == str(project.folder) and "prune_model" in told["Comment"]
    ]


def of_project(slurm, project):
    """Every job that the controller remembers of a project: number -> what it knows."""
    told = {job: slurm.told(job) for job in slurm.jobs("all")}
    return {job: fields for job, fields in told.items() if fields.get("WorkDir") == str(project.folder)}


def said(project):
    return (project.folder / "run.log").read_text(encoding="utf-8")


def test_a_job_that_dies_is_submitted_again_with_more_memory_and_time(slurm, project, prepared):
    run = start(project)
    (victim, *_) = wait_for(lambda: running(slurm, project), "a job that prunes")
    subprocess.run(["scancel", "--signal=KILL", "--full", victim], check=True)
    assert run.wait(PATIENCE) == 0, said(project) + project.logs()
    first = of_project(slurm, project)[victim]
    (second,) = [
        fields
        for job, fields in of_project(slurm, project).items()
        if job != victim and fields["Comment"] == first["Comment"]
    ]
    assert first["JobState"] != "COMPLETED" and second["JobState"] == "COMPLETED"
    assert megabytes(second) == round(1.5 * megabytes(first))
    assert minutes(second) == 2 * minutes(first)
    assert artifacts_of(project) == prepared[1]


def megabytes(fields):
    return int(re.fullmatch(r"(\d+)M", fields["MinMemoryNode"]).group(1))


def minutes(fields):
    hours, minute, _ = fields["TimeLimit"].split(":")
    return 60 * int(hours) + int(minute)


def test_a_cancelled_run_takes_its_jobs_along_and_goes_on(slurm, project, prepared):
    run = start(project)
    wait_for(lambda: running(slurm, project), "a job that prunes")
    run.send_signal(signal.SIGINT)
    assert run.wait(PATIENCE) != 0
    wait_for(lambda: not slurm.jobs(), "the jobs to be gone")
    assert start(project, warm=True).wait(PATIENCE) == 0, said(project) + project.logs()
    assert artifacts_of(project) == prepared[1] and not leftovers(project)


def test_after_a_killed_controller_no_file_is_written_twice(slurm, project, prepared):
    run = start(project)
    wait_for(lambda: running(slurm, project), "a job that prunes")
    before = set(slurm.jobs())
    code, output = run_command("recover", project.folder, "study.yaml")
    assert code == 1 and f"kill -TERM {run.pid}" in output, "a run that still works is left alone"
    assert before & set(slurm.jobs())
    run.kill()
    run.wait()
    left = set(slurm.jobs())
    assert left, "the jobs go on without their controller"
    # Even without Snakemake's lock, which one might take away by hand.
    project.snakemake("--unlock")
    if set(slurm.jobs()) & left:
        assert start(project).wait(PATIENCE) != 0
        assert "python -m workflow_scripts recover" in said(project)
        assert not set(slurm.jobs()) - left, "nothing was submitted"
    code, output = run_command("recover", project.folder, "study.yaml")
    assert code == 0, output
    assert slurm.jobs() == []
    assert start(project, warm=True).wait(PATIENCE) == 0, said(project) + project.logs()
    assert artifacts_of(project) == prepared[1] and not leftovers(project)


def test_jobs_on_a_gpu_go_to_a_partition_with_gpus_and_read_the_model_from_their_node(
    slurm, project, prepared, tmp_path, monkeypatch
):
    if not slurm.has_gpus:
        pytest.skip("no device files can be made here, and so no pretend GPUs")
    next((project.folder / "results/calibration").rglob("*.parquet")).unlink()
    monkeypatch.setenv("POLYPRUNE_GPUS", "1")
    # A folder whose name is known on the node alone: SLURM sets the variable for each of its jobs.
    monkeypatch.setenv(SCRATCH, f"{tmp_path}/of-node-$SLURMD_NODENAME")
    run = start(project, "--slurm-partition-config", "profiles/slurm/partitions.yaml", warm=True)
    assert run.wait(PATIENCE) == 0, said(project)
    jobs = of_project(slurm, project).values()
    partitions = {
        step: {job["Partition"] for job in jobs if step in job["Comment"]} for step in ("windows", "prune_model")
    }
    assert partitions == {"windows": {"cpu"}, "prune_model": {"gpu"}}
    assert all(("gres:gpu:1" in job.get("TresPerJob", "")) == (job["Partition"] == "gpu") for job in jobs)
    (node,) = tmp_path.glob("of-node-*")
    (copy,) = [path for path in (node / MODELS).iterdir() if path.is_dir()]
    assert (copy / "model.safetensors").is_file()
    assert artifacts_of(project) == prepared[1]


# Those of evaluation go together as well, for the test's sake: the model is so small that jobs take longer to begin than to end.
EVALUATION = [
    f"{step}{ending}=evaluation"
    for step in ("measure_perplexity", "score_cloze")
    for ending in ("", "_of_weights", "_uncalibrated")
]


def grouped():
    """The profile's groups, and those."""
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text(encoding="utf-8"))
    components = [*profile["group-components"], "evaluation=6"]
    return ["--groups", *profile["groups"], *EVALUATION, "--group-components", *components]


def run_smoke(folder, *arguments):
    """The smoke study, with a tiny model in the place of the real one, in a folder: the project and its artifacts."""
    project = Project(folder, warm=True)
    project.study = yaml.safe_load((ROOT / "studies/smoke.yaml").read_text(encoding="utf-8"))
    project.study["models"] = {"gemma-3-270m": {"path": "inputs/tiny"}}
    project.study["evaluation"]["length"] = 64
    project.snakemake(*arguments)
    return project, artifacts_of(project)


def test_two_runs_of_the_smoke_study_give_the_same_bytes(unusable, request, tmp_path):
    """One job after the other, and in another folder on SLURM, or where there is none with jobs side by side.

    That the real model gives the same bytes again is shown beside its smoke study, in `test_smoke.py`.
    """
    _, alone = run_smoke(tmp_path / "another folder", "--cores", "1")
    kinds = {path.partition("/")[0] for path in alone}
    assert kinds == {
        "cloze",
        "calibration",
        "corpora",
        "models",
        "perplexity",
        "pruned",
        "reports",
        "states",
        "tasks",
        "tokens",
    }
    slurm = None if unusable else request.getfixturevalue("slurm")
    project, made = run_smoke(tmp_path / "project", *([*PROFILE, *grouped()] if slurm else ["--cores", "2"]))
    assert made == alone
    assert slurm is None or len(of_project(slurm, project)) > 10
    code, output = verify(project.folder, "study.yaml")
    assert code == 0, output
