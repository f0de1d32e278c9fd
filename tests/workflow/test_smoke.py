"""The smoke study: every step, with the real packaged model and the embedded corpus, through snakemake."""

import json
import math
import shutil

import polars as pl
import pytest

from tests.workflow.project import Project, catalogued, run_command, verify
from workflow_scripts.artifacts.files import read_provenance
from workflow_scripts.masks.store import MaskStore

MODEL = "gemma-3-270m"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The smoke study, finished."""
    project = Project(tmp_path_factory.mktemp("smoke") / "project", warm=True)
    done = project.attempt(study="studies/smoke.yaml")
    assert done.returncode == 0, done.stdout + project.logs()
    project.said = done.stdout
    return project


@pytest.fixture(scope="module")
def results(project):
    """Results of the smoke study."""
    return project.folder / "results"


def test_perplexity_is_that_of_a_real_model_and_pruning_harms_it(results):
    matrix = pl.read_parquet(results / "reports/smoke/tables/matrix.parquet")
    dense = dict(matrix.filter(pl.col("method") == "dense").select("language", "perplexity").iter_rows())
    # Gemma 3 270M on plain text; without BOS or with swapped tokenizers it would be hundreds.
    assert 15 < dense["en"] < 45
    assert 25 < dense["sw"] < 200
    pruned = matrix.filter(pl.col("method").is_in(["wanda", "sparsegpt"]))
    assert pruned.height == 8
    assert pruned["ratio_to_dense"].min() > 1.05
    magnitude = matrix.filter(pl.col("method") == "magnitude")
    assert magnitude["ratio_to_dense"].min() > pruned["ratio_to_dense"].max()


def test_masks_keep_half_and_their_provenance_leads_back_to_the_model(results):
    stores = sorted((results / "pruned").rglob("masks.parquet"))
    assert len(stores) == 5
    for path in stores:
        store = MaskStore(path)
        assert len(store) == 18 * 7
        for linear in store.linears:
            # SparseGPT drops at least half: all that equals its threshold.
            assert 0.49 < linear.kept / (linear.out_features * linear.in_features) <= 0.5
        assert store.provenance["parameters"]["pattern"] == "0.5"
        assert store.provenance["parameters"]["device"] in {"cpu", "cuda", "mps"}


def test_layers_hold_errors_of_every_linear(results):
    layers = pl.read_parquet(results / f"pruned/{MODEL}/wanda/0.5/embedded-2x64-sequential/en/0/layers.parquet")
    assert layers.height == 18 * 7
    assert layers["local_error"].is_between(0.0005, 0.5).all()
    assert layers["path_error"].is_between(0.0005, 2).all()
    first = layers.row(0, named=True)
    assert first["signal_to_noise"] == pytest.approx(-10 * math.log10(first["local_error"]))


def test_the_report_opens_offline_and_names_no_machine(results):
    html = (results / "reports/smoke/report.html").read_text(encoding="utf-8")
    assert "In which language should I calibrate?" in html
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert "<script src" not in html and "<link" not in html.replace('<link rel="icon" href="data:,">', "")
    assert str(results.parent) not in html
    for figure in ("matrix", "effects", "overlap_by_block", "overlap_by_module", "error_by_block"):
        assert (results / f"reports/smoke/figures/{figure}.svg").stat().st_size > 2000
        assert (results / f"reports/smoke/figures/{figure}.png").read_bytes().startswith(b"\x89PNG")


def test_the_run_ends_with_the_place_of_the_report_and_its_first_sentence(project):
    html = (project.folder / "results/reports/smoke/report.html").read_text(encoding="utf-8")
    (_, _, answer) = project.said.partition("The report: results/reports/smoke/report.html\n    ")
    first = answer.splitlines()[0]
    assert first.endswith(".") and first in html


def test_cloze_items_are_scored_and_every_artifact_is_in_the_catalogue(results):
    kinds = catalogued(results)
    assert {"Cloze items", "Scores of cloze items", "Table `cloze`", "Table `cloze_matrix`"} <= kinds
    rows = pl.read_parquet(results / "reports/smoke/tables/cloze.parquet")
    assert rows.height == 6 * 2 * 4
    assert (rows["loglikelihoods"].list.len() == 8).all()


def test_no_artifact_names_a_folder_of_this_machine(results):
    folder = str(results.parent).encode()
    for path in results.rglob("*"):
        if path.is_file() and path.suffix in {".parquet", ".json", ".html", ".svg"}:
            assert folder not in path.read_bytes(), path
    for path in [*results.rglob("*.parquet"), *results.rglob("weights.safetensors")]:
        assert read_provenance(path)["code"], path


def test_the_same_again_alone_and_in_another_folder_gives_the_same_bytes(project, tmp_path):
    again = project.copied(tmp_path / "another folder")
    results = again.folder / "results"
    removed = [results / kind / MODEL / "wanda" for kind in ("pruned", "perplexity", "tasks")]
    made = {path: path.read_bytes() for folder in removed for path in folder.rglob("*") if path.is_file()}
    for folder in removed:
        shutil.rmtree(folder)
    wanted = [str(path.relative_to(again.folder)) for path in made if path.stem == "en"]
    done = again.attempt(*wanted, "--cores", "1", study="studies/smoke.yaml")
    assert done.returncode == 0, done.stdout + again.logs()
    found = [path for path in made if path.is_file()]
    assert {path.stem for path in found} == {"masks", "layers", "en"}
    for path in found:
        assert path.read_bytes() == made[path], path


def test_the_record_says_where_the_model_comes_from(results):
    record = json.loads((results / f"models/{MODEL}/provenance.json").read_text())
    assert record["source"]["sha256"].startswith("a5fd3b62")
    assert "Gemma" in record["source"]["licence"]
    assert record["architecture"] == "Gemma3ForCausalLM"
    assert record["boundary"]["bos"] == 2


def test_every_artifact_is_sound(results):
    code, output = verify(results.parent, "studies/smoke.yaml")
    assert code == 0, output
    assert "sound" in output and "not there" not in output


def test_progress_knows_that_all_is_done_and_how_long_it_took(results):
    code, output = run_command("progress", results.parent, "studies/smoke.yaml")
    assert code == 0, output
    lines = output.splitlines()
    assert lines[0].split() == ["rule", "done", "to", "do", "a", "job", "by"]
    [pruned] = [line.split() for line in lines if line.split()[0] == "prune_model"]
    assert pruned[1:3] == ["3", "0"] and pruned[-1] == "measured"
    assert lines[-1].startswith("All ") and lines[-1].endswith(" jobs are done.")
