"""`keep`: what a study does not keep is gone after a run, nothing is stale for it, and a later run makes it anew."""

import pytest

from tests.tiny_gguf import save_gguf
from tests.workflow.project import Project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A finished study that keeps nothing it need not: a copied and a linked model."""
    project = Project(tmp_path_factory.mktemp("keep") / "project", warm=True)
    save_gguf(project.folder / "inputs/copied.gguf")
    project.study["models"]["copied"] = {"gguf": "inputs/copied.gguf"}
    # Small: what is under test are files that come and go.
    project.study["pruning"]["methods"] = ["sparsegpt"]
    project.study["evaluation"]["languages"] = ["aa"]
    project.study["keep"] = {"weights": False, "windows": False, "dense": False}
    project.snakemake()
    return project


def left(project, pattern):
    return sorted((project.folder / "results").rglob(pattern))


def test_what_is_not_kept_is_gone_and_masks_are_there(project):
    assert left(project, "weights.safetensors") == []
    assert left(project, "calibration/**/*.parquet") == []
    # The magnitude mask and two calibrations, of two models.
    assert len(left(project, "masks.parquet")) == 2 * (1 + 2)
    assert (project.folder / "results/reports/tiny/report.html").is_file()


def test_copies_go_and_the_users_files_stay(project):
    models = project.folder / "results/models"
    assert not (models / "copied/model.safetensors").exists()
    assert (models / "copied/provenance.json").is_file()
    assert (models / "tiny/model.safetensors").is_symlink()
    assert (project.folder / "inputs/tiny/model.safetensors").is_file()
    assert (project.folder / "inputs/copied.gguf").is_file()


def test_nothing_is_left_to_do(project):
    assert project.planned() == {}


def test_keeping_more_or_less_recomputes_nothing(project):
    keep = project.study.pop("keep")
    assert project.planned() == {}
    project.study["keep"] = keep


def test_an_added_language_works_and_leaves_every_artifact_as_it_was(project):
    before = {below: project.state(below) for below in ("pruned", "perplexity", "models", "tokens")}
    project.study["calibration"]["calibrations"].append("cc")
    project.study["evaluation"]["languages"].append("cc")
    project.snakemake()
    for below, files in before.items():
        after = project.state(below)
        assert {path: after[path][0] for path in files} == {path: digest for path, (digest, _) in files.items()}
    assert project.planned() == {}
    assert left(project, "weights.safetensors") == []
    assert not (project.folder / "results/models/copied/model.safetensors").exists()
    assert len(left(project, "masks.parquet")) == 2 * (1 + 3)
