"""What jobs ask of a cluster: enough for what they hold, and more when they are submitted again."""

from argparse import Namespace
from pathlib import Path

import pytest
import snakemake.api  # noqa: F401 - alone, the next import is circular
from snakemake.resources import Resources

from tests.conftest import save_checkpoint
from tests.in_process import run_here
from tests.planning.sizes import SHAPE
from tests.workflow.project import tiny_study
from workflow_scripts.planning.assessment import GPU_RATE, make_setting
from workflow_scripts.planning.effort import COSTS, Setting
from workflow_scripts.planning.jobs import job_kinds
from workflow_scripts.planning.models import Hub
from workflow_scripts.planning.requests import find_shapes, request_rows
from workflow_scripts.runtime.locks import is_controller
from workflow_scripts.study import ModelSource, Study
from workflow_scripts.wiring import cluster
from workflow_scripts.wiring.cluster import Requests, ask_unless_said

# A study whose texts are at hand wherever it is read.
EMBEDDED = tiny_study() | {
    "models": {"far": {"hub": "some/where", "revision": "main"}},
    "corpora": {"letters": {"kind": "embedded"}},
    "calibration": tiny_study()["calibration"] | {"calibrations": ["en", "sw"]},
    "evaluation": tiny_study()["evaluation"] | {"languages": ["en", "sw"]},
}
CLOSED = Hub(offline=True, reachable=False)


@pytest.fixture
def study():
    return Study.model_validate(tiny_study())


def test_every_job_asks_for_more_than_it_is_thought_to_take(study):
    setting = Setting(study, 1e9, 4, 32)
    kinds = list(job_kinds(study))
    rows = list(request_rows(kinds, {"tiny": SHAPE}, setting))
    assert [row["rule"] for row in rows] == [kind.rule for kind in kinds]
    for kind, row in zip(kinds, rows, strict=True):
        cost = COSTS[kind.task](kind, SHAPE, setting)
        assert row["mem_mb"] * 1e6 >= 1.25 * cost.memory + 1e9
        assert row["runtime"] * 60 >= 3 * cost.seconds + 15 * 60


def test_longer_windows_and_larger_models_ask_for_more(study):
    def asked(study, shape=SHAPE):
        rows = request_rows(job_kinds(study), {"tiny": shape}, Setting(study, 1e3, 4, 32))
        return {(row["rule"], row["method"]): row for row in rows}

    longer = study.model_copy(update={"calibration": study.calibration.model_copy(update={"length": 10**6})})
    key = ("prune_model", "wanda")
    assert asked(longer)[key]["mem_mb"] > asked(study)[key]["mem_mb"]
    assert asked(longer)[key]["runtime"] > asked(study)[key]["runtime"]
    larger = type(SHAPE)(70 * 10**9, SHAPE.hidden, SHAPE.vocabulary, SHAPE.linears, 2)
    assert asked(study, larger)["measure_perplexity", ""]["mem_mb"] > 1.25 * 4 * 70 * 10**3


def test_a_model_of_unknown_size_asks_for_much(study):
    rows = {row["rule"]: row for row in request_rows(job_kinds(study), {"tiny": None}, Setting(study, 1e9, 4, 32))}
    assert rows["prune_model"]["mem_mb"] == 31_000 and rows["prune_model"]["runtime"] == 555
    assert rows["collect_documents"]["mem_mb"] < 2_000


def test_a_prepared_model_is_known_though_its_source_is_not(study, tmp_path):
    study.models["tiny"] = ModelSource(hub="some/where", revision="main")
    assert find_shapes(study, tmp_path, CLOSED) == {"tiny": None}
    save_checkpoint(tmp_path / "tiny")
    assert find_shapes(study, tmp_path, CLOSED)["tiny"].hidden == 32


def test_on_a_gpu_weights_are_in_the_checkpoints_type():
    study = Study.model_validate(EMBEDDED)
    assert make_setting(study, "cuda", GPU_RATE).dtype_bytes == 0
    assert make_setting(study, "cpu").dtype_bytes == 4


def test_requests_are_looked_up_by_rule_model_and_method(tmp_path):
    save_checkpoint(tmp_path / "models" / "far")
    warned = []
    requests = Requests(EMBEDDED, tmp_path / "models", False, warned.append)
    wildcards = Namespace(model="far", method="wanda", pattern="0.5")
    memory, runtime = requests.memory("prune_model"), requests.runtime("prune_model")
    first, second, third = (memory(wildcards, attempt=attempt) for attempt in (1, 2, 3))
    assert second == round(1.5 * first) and third == round(2.25 * first)
    assert runtime(wildcards, attempt=2) == 2 * runtime(wildcards, attempt=1)
    assert requests.memory("write_report")(Namespace(), attempt=1) > 1000
    assert requests.memory("measure_perplexity")(Namespace(model="far", series="wanda/0.5"), attempt=1) > 1000
    with pytest.raises(KeyError, match="no_rule"):
        requests.memory("no_rule")(Namespace(), attempt=1)
    assert warned == []


@pytest.fixture
def estimated_here(monkeypatch):
    """Estimates come from this process; `test_requests_are_looked_up_by_rule_model_and_method` has one of its own."""
    monkeypatch.setattr(cluster.subprocess, "run", run_here)


def test_a_model_of_unknown_size_is_named(tmp_path, estimated_here):
    warned = []
    requests = Requests(EMBEDDED, tmp_path, False, warned.append)
    assert requests.memory("prune_model")(Namespace(model="far", method="wanda", pattern="0.5"), attempt=1) == 31_000
    assert "models.far" in warned[0] and "set-resources" in warned[0]


def test_a_study_that_cannot_be_estimated_says_why(tmp_path, estimated_here):
    requests = Requests({"study": "broken"}, tmp_path, False, print)
    with pytest.raises(RuntimeError, match="cannot be estimated"):
        requests.memory("prune_model")(Namespace(), attempt=1)


def test_jobs_see_the_gpus_that_the_run_saw(monkeypatch):
    monkeypatch.setenv(cluster.GPUS, "1")
    assert cluster.gpus_of_auto() == 1
    monkeypatch.delenv(cluster.GPUS)
    monkeypatch.setenv("PATH", "")
    assert cluster.gpus_of_auto() == 0
    assert cluster.os.environ[cluster.GPUS] == "0"


def test_only_this_folders_jobs_are_left_over(monkeypatch, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    squeue = tmp_path / "squeue"
    lines = [f"7|polyprune_a|{here}", f"8|other|{here}", f"9|polyprune_a|{tmp_path}", "broken"]
    squeue.write_text("#!/bin/sh\n" + "\n".join(f"echo '{line}'" for line in lines) + "\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert [job.number for job in cluster.jobs_here(here)] == ["7"]
    assert "SLURM jobs 7)" in cluster.left_over(here) and "workflow_scripts recover" in cluster.left_over(here)
    assert cluster.left_over(Path("/")) == ""
    # Neither a run nor recover takes a SLURM that does not answer for an empty queue.
    squeue.write_text("#!/bin/sh\necho down >&2; exit 1\n")
    assert "SLURM does not answer" in cluster.left_over(here) and "down" in cluster.left_over(here)
    with pytest.raises(cluster.SlurmError):
        cluster.jobs_here(here)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("python -m snakemake --cores 2", True),
        ("/env/bin/python /env/bin/snakemake --workflow-profile profiles/slurm", True),
        ("snakemake -n", True),
        ("python -m snakemake --target-jobs x --mode remote", False),
        ("srun -n1 python -m snakemake --mode subprocess", False),
        ("python -m workflow_scripts recover", False),
        ("vim snakemake.log", False),
    ],
)
def test_a_run_is_told_from_its_jobs(line, told):
    assert is_controller(line.split()) is told


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (["slurm_account=mine"], False),
        (["slurm_account=mine", "mem_mb=4000"], True),
        (["mem_mb=4000 * attempt"], True),
        (["mem='4 GB'"], True),
    ],
)
def test_what_a_profile_says_counts_more_than_the_estimate(said, kept):
    resources = Resources.parse(said, allow_expressions=True, defaults="full")
    before = resources["mem_mb"]
    ask_unless_said(resources, "mem_mb", lambda wildcards, attempt: 77)
    assert (resources["mem_mb"] is before) is kept
    ask_unless_said(resources, "runtime", lambda wildcards, attempt: 5)
    assert resources["runtime"].evaluate(wildcards=None, attempt=1).value == 5
