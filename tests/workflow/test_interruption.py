"""Runs that are killed, starved of disk, refused to write, or started twice: what is left is right, and going on is easy."""

import os
import shutil
import subprocess
import time

import pytest

from tests.workflow.soak import artifacts_of, leftovers, soak, soak_project, steps_of

pytestmark = pytest.mark.slow
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk takes root")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A run that nobody disturbs."""
    project = soak_project(tmp_path_factory.mktemp("undisturbed") / "project", warm=True)
    project.snakemake()
    return project


@pytest.fixture
def project(tmp_path):
    return soak_project(tmp_path / "project", warm=True)


@pytest.fixture
def disk(project):
    """Mount a disk of so many bytes as the results, or change its options."""
    results = project.folder / "results"
    results.mkdir()

    def mount(options: str) -> None:
        known = ",remount" if os.path.ismount(results) else ""
        subprocess.run(["mount", "-t", "tmpfs", "-o", options + known, "tmpfs", str(results)], check=True)

    yield mount
    subprocess.run(["umount", str(results)], check=True)


def test_killed_at_random_moments_the_results_are_those_of_an_undisturbed_run(undisturbed, project):
    # A step that is killed must be the process that works.
    project.warm = False
    soak(undisturbed, project, kills=3, seed=4)


@as_root
def test_a_full_disk_stops_with_a_sentence_and_more_room_is_all_it_takes(undisturbed, project, disk):
    disk("size=300k")
    project.write_study()
    done = project.attempt()
    assert done.returncode == 1
    assert "No space left on device" in done.stdout
    assert "Finished jobs are kept" in done.stdout
    assert not leftovers(project)
    disk("size=100m")
    project.snakemake()
    assert artifacts_of(project) == artifacts_of(undisturbed)


@as_root
def test_results_that_may_not_be_written_stop_a_run_and_stay_as_they_are(undisturbed, project, disk):
    disk("size=100m")
    shutil.copytree(undisturbed.folder / "results", project.folder / "results", symlinks=True, dirs_exist_ok=True)
    shutil.copytree(undisturbed.folder / ".snakemake", project.folder / ".snakemake")
    (project.folder / "results/reports/tiny/tables/matrix.parquet").unlink()
    disk("ro")
    project.write_study()
    done = project.attempt()
    assert done.returncode == 1
    assert "Write-protected output files" in done.stdout
    disk("rw")
    project.snakemake()
    assert artifacts_of(project) == artifacts_of(undisturbed)


def test_a_second_run_in_the_same_folder_is_refused_and_harms_nothing(undisturbed, project):
    first = project.start()
    while not steps_of(project):
        assert first.poll() is None
        time.sleep(0.05)
    second = project.attempt()
    assert second.returncode != 0
    assert f"A run already works in this folder: process {first.pid} of this machine" in second.stdout
    assert first.wait() == 0, (project.folder / "run.log").read_text()
    assert artifacts_of(project) == artifacts_of(undisturbed)
    assert not leftovers(project)
