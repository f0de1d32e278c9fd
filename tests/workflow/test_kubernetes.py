"""The profile for Kubernetes: the manifests that kubectl is given, and a stand-in kubectl that runs them."""

import json
import os
import subprocess
import sys
import time

import pytest
import yaml

from tests.workflow.project import ROOT, Project
from tests.workflow.soak import artifacts_of
from tests.workflow.test_generic_cluster import write_commands

PROFILE = ROOT / "profiles" / "kubernetes"
MASKS = "results/pruned/tiny/wanda/0.5/letters-2x16-sequential/aa/0/masks.parquet"

KUBECTL = f"""#!{sys.executable}
import json, os, signal, subprocess, sys, yaml
from pathlib import Path

folder = Path(os.environ["PODS"])
command, *words = sys.argv[sys.argv.index("--namespace") + 2 :]


def lives(name):
    return Path("/proc", (folder / f"{{name}}.pid").read_text()).exists()


if command == "create":
    job = yaml.safe_load(sys.stdin)
    name = job["metadata"]["name"]
    (folder / f"{{name}}.json").write_text(json.dumps(job))
    (container,) = job["spec"]["template"]["spec"]["containers"]
    # Nothing of this environment but the path, which is the image's.
    environment = {{entry["name"]: entry["value"] for entry in container["env"]}} | {{"PATH": os.environ["PATH"]}}
    log = open(folder / f"{{name}}.log", "w")
    process = subprocess.Popen(
        container["command"], cwd="/", env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )
    (folder / f"{{name}}.pid").write_text(str(process.pid))
    print(f"job.batch/{{name}} created")
elif command == "get":
    name = words[1]
    if (folder / f"{{name}}.json").exists():
        print(f"{{name}}=" + ("" if lives(name) else "1"), end="")
elif command == "delete":
    for name in words:
        if (folder / f"{{name}}.pid").exists() and lives(name):
            os.killpg(int((folder / f"{{name}}.pid").read_text()), signal.SIGKILL)
"""


@pytest.fixture
def pods(tmp_path, monkeypatch):
    """A stand-in kubectl on the path, and the folder with its Jobs."""
    write_commands(tmp_path / "bin", kubectl=KUBECTL)
    (tmp_path / "pods").mkdir()
    monkeypatch.setenv("PODS", str(tmp_path / "pods"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "pods"


@pytest.mark.slow
def test_jobs_in_pods_leave_the_bytes_of_a_local_run(tmp_path, pods):
    local = Project(tmp_path / "local", warm=True)
    clustered = local.copied(tmp_path / "in pods")
    local.snakemake(MASKS)
    hurry = ("--jobs", "2", "--seconds-between-status-checks", "1", "--latency-wait", "5")
    clustered.snakemake(MASKS, "--workflow-profile", "profiles/kubernetes", *hurry)
    assert artifacts_of(clustered) == artifacts_of(local)
    rules = {json.loads(path.read_text())["metadata"]["labels"]["rule"] for path in pods.glob("*.json")}
    assert rules == {
        "collect_documents",
        "prepare_model",
        "prune_model",
        "sample_calibration",
        "tokenize_documents",
    }
    assert list((clustered.folder / ".snakemake/cluster").iterdir()) == []
    assert "Nothing to be done" in clustered.snakemake(MASKS, "-n")


def submitted(tmp_path, pods, gpus="1"):
    """The Job that the profile makes of a script, its id, and its pod."""
    (tmp_path / "job.sh").write_text("exit 3\n")
    told = ("prune_model", "4", "8000", "90", gpus, "job.sh")
    done = subprocess.run([PROFILE / "submit.sh", *told], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    id_ = done.stdout.strip()
    job = json.loads((pods / f"{id_}.json").read_text())
    return job, id_, job["spec"]["template"]["spec"]


def test_the_manifest_has_image_resources_and_the_shared_volume(tmp_path, pods):
    job, id_, pod = submitted(tmp_path, pods)
    # Kubernetes takes no longer name.
    assert job["metadata"]["name"] == id_ and len(id_) <= 63
    assert job["spec"]["backoffLimit"] == 0 and pod["restartPolicy"] == "Never"
    assert pod["activeDeadlineSeconds"] == 90 * 60
    (container,) = pod["containers"]
    assert container["image"] == "registry.example/polyprune:latest"
    assert container["resources"] == {
        "requests": {"cpu": "4", "memory": "8000M"},
        "limits": {"memory": "8000M", "nvidia.com/gpu": "1"},
    }
    assert container["volumeMounts"] == [{"name": "shared", "mountPath": "/mnt/polyprune"}]
    assert pod["volumes"] == [{"name": "shared", "persistentVolumeClaim": {"claimName": "polyprune"}}]
    assert pod["securityContext"]["runAsUser"] == os.getuid()
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    assert environment["JOB_ID"] == id_ and environment["HF_HOME"] == "/mnt/polyprune/huggingface"


def test_a_job_without_a_gpu_names_none(tmp_path, pods):
    *_, pod = submitted(tmp_path, pods, gpus="0")
    assert pod["containers"][0]["resources"]["limits"] == {"memory": "8000M"}


def test_a_job_is_running_until_its_code_is_there_or_it_is_gone(tmp_path, pods):
    _, id_, _ = submitted(tmp_path, pods)
    code = tmp_path / ".snakemake/cluster" / id_
    while not code.read_text():
        time.sleep(0.1)
    assert code.read_text() == "3\n"
    assert status(tmp_path, id_) == "failed\n"
    assert list(code.parent.iterdir()) == []
    # Deleted, which only the queue can tell: running for as long as its code may be on its way.
    assert status(tmp_path, "polyprune-deleted") == "running\n"
    assert (code.parent / "polyprune-deleted.gone").is_file()


def test_a_cluster_that_does_not_answer_has_lost_no_job(tmp_path, pods):
    write_commands(tmp_path / "bin", kubectl="#!/bin/bash\nexit 1\n")
    (tmp_path / ".snakemake/cluster").mkdir(parents=True)
    assert status(tmp_path, "polyprune-1") == "running\n"
    assert not (tmp_path / ".snakemake/cluster/polyprune-1.gone").exists()


def status(folder, id_):
    """What the profile says of a job."""
    return subprocess.run([PROFILE / "status.sh", id_], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_the_profile_is_that_of_batch_systems_with_another_queue():
    generic, kubernetes = (
        yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text()) for name in ("generic", "kubernetes")
    )
    key = "cluster-generic-submit-cmd"
    assert kubernetes.pop(key) == generic.pop(key).replace("generic", "kubernetes")
    assert kubernetes == generic


def documents_of_head():
    """The objects of the pod to start from."""
    return list(yaml.safe_load_all((PROFILE / "head.yaml").read_text()))


def test_head_and_jobs_name_the_same_image_claim_and_mount(tmp_path, pods):
    *_, job = submitted(tmp_path, pods)
    head = {entry["kind"]: entry for entry in documents_of_head()}
    (container,), (own,) = head["Pod"]["spec"]["containers"], job["containers"]
    assert container["image"] == own["image"]
    assert container["volumeMounts"] == own["volumeMounts"]
    assert head["Pod"]["spec"]["volumes"] == job["volumes"]
    assert head["PersistentVolumeClaim"]["metadata"]["name"] == "polyprune"


def test_kubernetes_knows_every_field_of_the_manifests(tmp_path, pods):
    kubernetes = pytest.importorskip("kubernetes", reason="pip install kubernetes")
    job, *_ = submitted(tmp_path, pods)
    api = kubernetes.client.ApiClient()
    for told in [job, *documents_of_head()]:
        response = type("Response", (), {"data": json.dumps(told)})
        read = api.deserialize(response, f"V1{told['kind']}")
        # Unknown fields are dropped on the way.
        assert api.sanitize_for_serialization(read) == told


def test_the_plugin_for_kubernetes_still_shares_no_folder():
    plugin = pytest.importorskip(
        "snakemake_executor_plugin_kubernetes", reason="pip install snakemake-executor-plugin-kubernetes"
    )
    # Once it does, the profile may use it in place of kubectl.
    assert plugin.common_settings.implies_no_shared_fs
