"""The doctor as it is typed: it reports, finds what will fail, and says so with its exit code."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.in_process import run_here
from workflow_scripts.planning import assessment, page
from workflow_scripts.planning.assessment import AssumedGpus, Problems, find_problems, make_plan
from workflow_scripts.planning.effort import total_seconds
from workflow_scripts.planning.machine import Machine, version_problems
from workflow_scripts.planning.models import Hub
from workflow_scripts.study import read_file

ROOT = Path(__file__).parent.parent
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
BOTH = DEFAULT | {"pruning": DEFAULT["pruning"] | {"methods": ["sparsegpt", "wanda"]}}
"""The default study with a method that changes weights beside Wanda."""
STUDIES = [ROOT / "config.yaml", ROOT / "studies" / "seven-languages.yaml"]
MACHINE = Machine(
    cores=2,
    memory=24_000_000_000,
    available=20_000_000_000,
    limit=None,
    disk=50_000_000_000,
    torch="2.13.0",
    build="CPU",
    gpus=(),
    hub=Hub(offline=True, reachable=False),
    token=False,
)


def doctor(*arguments: str, run: Callable[..., subprocess.CompletedProcess] = run_here) -> tuple[int, str]:
    """Run the command from the project's folder, without the hub; its exit code and what it says."""
    command = [sys.executable, "-m", "workflow_scripts.commands.doctor", *arguments]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setattr(assessment, "version_problems", version_problems)
        done = run(command, env=os.environ | {"HF_HUB_OFFLINE": "1"}, text=True, capture_output=True)
    return done.returncode, done.stdout + done.stderr


def assess(study: dict, folder: Path, machine: Machine = MACHINE) -> tuple[assessment.Plan, Problems]:
    """Plan and problems of a study on a machine that computes 60 GFLOP/s."""
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    problems = Problems()
    plan = make_plan(read_file(folder / "study.yaml"), machine, folder / "results", problems)
    find_problems(plan, machine, problems)
    return plan, problems


@pytest.fixture(autouse=True)
def rate(monkeypatch):
    """The same rate on every machine that runs the tests."""
    monkeypatch.setattr(assessment, "measure_rate", lambda *_: 80e9)
    monkeypatch.setattr(assessment, "version_problems", lambda: ([], []))


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.stem)
def test_the_studies_that_come_along_have_nothing_in_their_way(study):
    # One of them as it is typed.
    code, told = doctor("--configfile", str(study), run=subprocess.run if study == STUDIES[0] else run_here)
    assert code == 0, told
    for title in ("This machine", "Study", "Jobs of a first run", "Disk", "What may be deleted afterwards"):
        assert re.search(f"^{title}", told, re.MULTILINE), told
    assert "Traceback" not in told


def test_a_broken_study_gives_its_own_sentence(tmp_path):
    broken = DEFAULT | {"evaluation": DEFAULT["evaluation"] | {"documants": 3}}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(broken))
    code, told = doctor("--configfile", str(tmp_path / "study.yaml"))
    assert code == 1
    assert "evaluation.documants: there is no such key; did you mean documents?" in told
    assert "This machine" in told and "Traceback" not in told


@pytest.mark.parametrize(("value", "told"), [("", False), ("0", False), ("1", False), ("4,2", True), ("7", True)])
def test_threads_of_the_environment_that_do_not_count_are_told(tmp_path, monkeypatch, value, told):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    _, problems = assess(DEFAULT, tmp_path)
    assert any("OMP_NUM_THREADS" in problem for problem in problems.minor) == told


def test_a_corpus_in_a_folder_or_without_use_needs_no_hub(tmp_path):
    study = DEFAULT | {"corpora": DEFAULT["corpora"] | {"unused": {"kind": "hub", "name": "organisation/texts"}}}
    _, problems = assess(study, tmp_path)
    assert problems.fatal == []


def test_the_default_study_takes_what_was_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(assessment, "measure_rate", lambda *_: 104e9)
    plan, problems = assess(DEFAULT, tmp_path)
    assert problems == Problems()
    stages = {stage.rule: stage for stage in plan.stages}
    # Measured with two idle cores that do 104 GFLOP/s each: 249 s; streamed, 0.77 GB with twice as many and longer windows.
    total = total_seconds(plan.stages, plan.side_by_side)
    assert 249 / 2 < total < 249 * 2
    assert 0.6e9 < stages["prune_model"].memory < 1.2e9
    # Measured: 1.07 GB a copy, 12.6 MB a mask store.
    written = {found.kind: found for found in plan.artifacts}
    assert written["dense copies"].bytes == pytest.approx(1.072e9, rel=0.01)
    assert written["masks"].bytes == pytest.approx(10 * 12.59e6, rel=0.01)


def test_a_method_that_changes_weights_takes_what_was_measured(tmp_path):
    plan, _ = assess(BOTH, tmp_path)
    sparsegpt = next(stage for stage in plan.stages if stage.rule == "prune_model_and_weights")
    # Measured with two idle cores: 32 s a job, 201 MB of kept weights a variant.
    assert 16 < sparsegpt.seconds / sparsegpt.jobs < 64
    written = {found.kind: found for found in plan.artifacts}
    assert written["masks"].bytes == pytest.approx(19 * 12.59e6, rel=0.01)
    assert written["kept weights"].bytes == pytest.approx(9 * 200.5e6, rel=0.01)


@pytest.mark.parametrize(
    ("machine", "sentence"),
    [
        ({"disk": 2_000_000_000}, r"The disk of results/ lacks 1\.\d\d GB: free some"),
        (
            {"memory": 1_000_000_000, "available": 900_000_000},
            "holds about .* GB, the machine has 1.00 GB: take a smaller",
        ),
    ],
    ids=["disk", "memory"],
)
def test_what_will_certainly_fail(tmp_path, machine, sentence):
    _, problems = assess(BOTH, tmp_path, replace(MACHINE, **machine))
    assert len(problems.fatal) == 1
    assert re.search(sentence, problems.fatal[0])


def test_a_device_that_is_not_there(tmp_path):
    _, problems = assess(DEFAULT | {"compute": {"device": "mps"}}, tmp_path)
    assert problems.fatal == ["compute.device is mps, which this machine does not offer: use auto or one of cpu."]


def test_a_model_and_texts_that_are_not_there(tmp_path):
    study = DEFAULT | {"models": {"absent": {"hub": "organisation/absent", "revision": "main"}}}
    study["corpora"] = {"embedded": {"kind": "hub", "name": "organisation/texts"}}
    plan, problems = assess(study, tmp_path)
    assert plan.shapes == {"absent": None}
    assert problems.fatal[0].startswith("models.absent: organisation/absent is not in the hub's cache")
    assert problems.fatal[1] == "corpora.embedded is read from the hub, and HF_HUB_OFFLINE is set: unset it."


def test_little_memory_lets_fewer_jobs_run(tmp_path):
    plan, problems = assess(DEFAULT, tmp_path, replace(MACHINE, available=3_000_000_000))
    assert plan.side_by_side == 1
    assert problems == Problems(
        minor=["The memory does not do for a job on every core, but for 1: run snakemake --cores 1."]
    )


def test_weights_that_go_early_need_less_disk(tmp_path):
    machine = replace(MACHINE, disk=2_000_000_000)
    _, problems = assess(BOTH | {"keep": {"weights": False}}, tmp_path, machine)
    assert problems.fatal == []
    assert problems.minor[0].startswith("The disk of results/ holds what stays, but not all that is there for a while")


GPUS = AssumedGpus(8, 24e9, 30e12)


def test_a_plan_for_gpus_that_are_not_here(tmp_path):
    """Eight jobs at a time, in the checkpoint's type, and nothing is said of this machine's memory."""
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(DEFAULT))
    study, problems = read_file(tmp_path / "study.yaml"), Problems()
    small = replace(MACHINE, memory=10**6, available=10**6, disk=10**6)
    plan = make_plan(study, small, tmp_path / "results", problems, GPUS)
    find_problems(plan, small, problems)
    assert problems.fatal == problems.minor == []
    assert (plan.device, plan.side_by_side, plan.dtype) == ("cuda", 8, "the checkpoint's")
    slower = make_plan(study, small, tmp_path / "results", problems, replace(GPUS, rate=1e9))
    assert slower.gpu_seconds > 2 * plan.gpu_seconds
    # What needs no model needs no GPU.
    assert 0 < plan.gpu_seconds < total_seconds(plan.stages, 1)
    lines = "\n".join(page.job_lines(plan) + page.study_lines(plan))
    assert f"{plan.gpu_seconds / 3600:,.1f} GPU hours" in lines and "(assumed)" in lines and "8 at a time" in lines


def test_gpus_that_are_too_small_are_found(tmp_path):
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(DEFAULT))
    problems, tiny = Problems(), replace(GPUS, memory=1e9)
    plan = make_plan(read_file(tmp_path / "study.yaml"), MACHINE, tmp_path / "results", problems, tiny)
    find_problems(plan, MACHINE, problems)
    assert len(problems.fatal) == 1 and "more than its 1.00 GB" in problems.fatal[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["--gpus", "2", "--gpu-memory", "24"], "24 is no amount of memory"), (["--gpus", "-1"], "give numbers above 0")],
)
def test_gpus_that_cannot_be_are_refused(arguments, says):
    code, told = doctor(*arguments)
    assert code == 1 and says in told and "Traceback" not in told
