"""`verify` on a real run of a tiny model: sound results are sound, and whatever is done to them is found and named."""

import re
import shutil
import subprocess

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from tests.workflow.project import Project, verify

EVALUATION = "letters-4x32"
OWN = f"perplexity/tiny/wanda/0.5/letters-2x16-sequential/aa/0/{EVALUATION}/aa.parquet"
OTHER = f"perplexity/tiny/wanda/0.5/letters-2x16-sequential/aa/0/{EVALUATION}/bb.parquet"
MASKS = "pruned/tiny/{method}/0.5/letters-2x16-sequential/{calibration}/0/masks.parquet"
WANDA, WANDA_B = (MASKS.format(method="wanda", calibration=calibration) for calibration in ("aa", "bb"))
SPARSE, SPARSE_B = (MASKS.format(method="sparsegpt", calibration=calibration) for calibration in ("aa", "bb"))
WEIGHTS = SPARSE.replace("masks.parquet", "weights.safetensors")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("verified") / "project", warm=True)
    project.snakemake()
    return project


@pytest.fixture
def project(made, tmp_path):
    """A copy of the results, to be damaged."""
    return made.copied(tmp_path / "copy", ".snakemake")


def verified(project) -> tuple[int, str]:
    (project.folder / "study.yaml").write_text(yaml.safe_dump(project.study))
    return verify(project.folder, "study.yaml")


def faults(project) -> list[str]:
    code, output = verified(project)
    found = [line for line in output.splitlines() if line.startswith("results/")]
    assert code == bool(found), output
    return found


def test_the_results_of_a_run_are_sound_wherever_they_are(project):
    """Without Snakemake's records, as in a fresh clone: verify tells how to make them, and then has nothing to tell."""
    code, output = verified(project)
    assert code == 0, output
    counts, advice = output.splitlines()
    assert re.fullmatch(r"\d+ sound\.", counts)
    command = "snakemake --touch --forceall --cores all --configfile study.yaml"
    assert advice.endswith(command)
    project.snakemake("--touch", "--forceall")
    assert project.planned() == {}
    assert verified(project) == (0, f"{counts}\n")


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def edit(path):
    table = pq.read_table(path)
    table = table.set_column(table.schema.get_field_index("nats"), "nats", pc.multiply(table["nats"], 0.9))
    pq.write_table(table, path)


def test_every_changed_file_is_damaged_and_the_remedy_is_a_command(project):
    page, figure = "reports/tiny/report.html", "reports/tiny/figures/matrix.png"
    harms = {
        page: cut,
        figure: flip,
        WANDA: flip,
        WEIGHTS: flip,
        "corpora/letters/aa.parquet": flip,
        SPARSE: cut,
        OTHER: cut,
        OWN: edit,
    }
    for name, harm in harms.items():
        harm(project.folder / "results" / name)
    project.folder.joinpath("results/notes.txt").write_text("mine")
    code, output = verified(project)
    assert code == 1
    for name in harms:
        assert f"results/{name} is damaged: it" in output
    assert "results/notes.txt is foreign: polyprune writes no such file." in output
    remedy, again = (line for line in output.splitlines() if line.startswith(("rm ", "snakemake --cores all results/")))
    assert all(f"results/{name}" in remedy for name in (*harms, "notes.txt"))
    assert all(f"results/{name}" in again for name in harms) and "notes.txt" not in again
    assert output.rstrip().endswith("snakemake --cores all --configfile study.yaml")
    subprocess.run(["bash", "-c", remedy], cwd=project.folder, check=True)
    project.snakemake(*(f"results/{name}" for name in harms))
    project.snakemake()
    assert faults(project) == []
    assert project.planned() == {}


def test_whole_files_in_the_wrong_place_are_foreign_or_out_of_date(project):
    results = project.folder / "results"
    one, other = results / OWN, results / OTHER
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)
    shutil.copy(results / SPARSE_B, results / SPARSE)
    tables = results / "reports/tiny/tables"
    shutil.copy(tables / "baselines.parquet", tables / "effects.parquet")
    shutil.copy((results / WANDA_B).with_name("layers.parquet"), results / WANDA_B)
    tokenizer = results / "models/tiny/tokenizer.json"
    tokenizer.unlink()
    tokenizer.write_text("{}")
    found = faults(project)
    tokens, windows = "results/tokens/tiny/letters", "results/calibration/tiny/letters-2x16"
    for name, made, wanted in ((OWN, "bb", "aa"), (OTHER, "aa", "bb")):
        reason = f"it was made from {tokens}/{made}.parquet, not from {tokens}/{wanted}.parquet"
        assert f"results/{name} is foreign: {reason}." in found
    reason = f"it was made from {windows}/bb/0.parquet, not from {windows}/aa/0.parquet"
    assert f"results/{SPARSE} is foreign: {reason}." in found
    assert "results/reports/tiny/tables/effects.parquet is foreign: it is the table baselines." in found
    assert f"results/{WANDA_B} is foreign: it has other columns than belong there." in found
    record = "results/models/tiny/provenance.json"
    assert f"{record} is damaged: tokenizer.json beside it is not what was prepared." in found


def test_what_code_and_study_would_now_make_otherwise_is_out_of_date(project):
    project.study["evaluation"]["batch"] = 3
    source = project.folder / "workflow_scripts/corpora/windows.py"
    source.write_text(source.read_text() + "\nADDED = 1\n")
    found = faults(project)
    assert f"results/{OWN} is out of date: it was made with batch 4, and the study says 3." in found
    windows = "results/calibration/tiny/letters-2x16/aa/0.parquet"
    assert f"{windows} is out of date: the code of sample_calibration has changed." in found
    assert not any(line.startswith(f"results/{WANDA} ") for line in found)
