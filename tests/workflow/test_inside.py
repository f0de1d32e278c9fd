"""What is inside of models through snakemake: every artifact is known and sound, and a further language touches no other."""

import shutil

import pytest

from tests.test_inside_steps import write_parallel
from tests.workflow.project import Project, catalogued, verify

pytestmark = pytest.mark.slow
TABLES = [f"results/reports/tiny/tables/{name}.parquet" for name in ("subspaces", "neurons")]
"""All that representations and activations need, and not the rest of the study."""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A finished study with representations and activations in two languages."""
    project = Project(tmp_path_factory.mktemp("inside") / "project", warm=True)
    letters = project.folder / "inputs/letters"
    shutil.rmtree(letters)
    write_parallel(letters, ["aa", "bb", "cc"])
    project.study["evaluation"] |= {"representations": {"documents": 4}, "activations": {"tokens": 60}}
    project.snakemake(*TABLES)
    return project


def digests(project):
    return {
        path: digest for name in ("representations", "activations") for path, (digest, _) in project.state(name).items()
    }


def test_every_artifact_is_in_the_catalogue_and_sound(project):
    found = catalogued(project.folder / "results")
    assert {"Representations", "Activations", "Table `subspaces`", "Table `neurons`"} <= found
    code, output = verify(project.folder, "study.yaml")
    assert code == 0, output
    assert project.planned(*TABLES) == {}
    # The dense model, magnitude, two calibrations with two methods; two kinds of files.
    assert len(digests(project)) == 6 * 2 * 2


def test_a_further_language_looks_into_models_in_it_alone(project):
    before = digests(project)
    project.study["evaluation"]["languages"] = ["aa", "bb", "cc"]
    jobs = project.planned(*TABLES)
    assert {rule: count for rule, count in jobs.items() if not rule.startswith(("collect_doc", "tokenize"))} == {
        f"{rule}{ending}": count
        for rule in ("collect_representations", "count_activations")
        for ending, count in {"": 1, "_of_weights": 2, "_uncalibrated": 1}.items()
    } | {"compare_representations": 1, "compare_activations": 1}
    project.snakemake(*TABLES)
    after = digests(project)
    assert {path: after[path] for path in before} == before and len(after) == 6 * 3 * 2
    assert project.planned(*TABLES) == {}


def test_a_damaged_file_is_found_and_made_anew(project):
    path = next((project.folder / "results/representations").rglob("aa.safetensors"))
    kept = path.read_bytes()
    path.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    code, output = verify(project.folder, "study.yaml")
    assert code == 1 and path.name in output, output
    path.unlink()
    project.snakemake(str(path.relative_to(project.folder)))
    assert path.read_bytes() == kept


def test_the_whole_study_ends_with_its_figures_and_report(project):
    project.snakemake()
    report = (project.folder / "results/reports/tiny/report.html").read_text(encoding="utf-8")
    for title in ("Signal-to-noise on evaluation text", "Language-specific neurons", "specific and agnostic parts"):
        assert title in report
    figures = {path.stem for path in (project.folder / "results/reports/tiny/figures").glob("*.png")}
    assert {"evaluation_errors", "subspaces", "neurons", "lape_entropies"} <= figures
    assert project.planned() == {}


def test_a_corpus_that_is_not_parallel_is_refused_before_any_job(project):
    letters = project.folder / "inputs/letters"
    shutil.copy(letters / "bb.jsonl", project.folder / "kept.jsonl")
    try:
        (letters / "bb.jsonl").unlink()
        write_parallel(project.folder / "other", ["bb"], sentences=2)
        shutil.copy(project.folder / "other/bb.jsonl", letters / "bb.jsonl")
        project.write_study()
        done = project.attempt("-n")
        assert done.returncode == 1 and "are not parallel, they differ in document" in done.stdout
        assert "evaluation.representations" in done.stdout
    finally:
        shutil.copy(project.folder / "kept.jsonl", letters / "bb.jsonl")
