"""A study with every kind of control, mixtures and calibrations matched on content, through snakemake on a tiny model."""

import polars as pl
import pytest

from tests.conftest import write_local_corpus
from tests.workflow.project import Project, catalogued
from workflow_scripts.artifacts.files import read_provenance

CONTROLS = {
    "noise": {"kind": "random", "language": "aa"},
    "aa-shuffled": {"kind": "shuffled", "language": "aa"},
    "aa-generated": {"kind": "generated", "language": "aa"},
    "aa-prose": {"kind": "register", "language": "aa", "register": "prose"},
    "aa-elsewhere": {"kind": "corpus", "language": "aa", "corpus": "others"},
}
pytestmark = pytest.mark.slow

PLACES = {
    "noise": "aa~random",
    "aa-shuffled": "aa~shuffled",
    "aa-generated": "aa~generated",
    "aa-prose": "aa~register-prose",
    "aa-elsewhere": "aa~corpus-others",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("controls") / "project", warm=True)
    write_local_corpus(project.folder / "inputs" / "others", ["aa"], documents=20, seed=1)
    project.study["corpora"]["others"] = {"kind": "local", "path": "inputs/others", "evaluation_share": 0}
    calibration = project.study["calibration"]
    calibration |= {
        "controls": CONTROLS,
        "calibrations": ["aa", "bb", "aa+bb", *CONTROLS],
        "documents": 2,
        "length": 40,
    }
    del calibration["windows"]
    project.study["pruning"]["methods"] = ["wanda"]
    project.study["evaluation"]["languages"] = ["aa"]
    project.snakemake(*(path_of(PLACES.get(name, name)) for name in calibration["calibrations"]))
    return project


def path_of(calibration):
    return f"results/calibration/tiny/letters-2docsx40/{calibration}/0.parquet"


def windows(project, calibration):
    return pl.read_parquet(project.folder / path_of(PLACES.get(calibration, calibration)))


def test_every_control_has_windows_of_its_own_from_the_same_documents(project):
    own = windows(project, "aa")
    for name in ("noise", "aa-shuffled", "aa-generated", "bb", "aa+bb"):
        theirs = windows(project, name)
        assert theirs["doc_ids"].explode().unique().sort().equals(own["doc_ids"].explode().unique().sort()), name
        assert not theirs["token_ids"].equals(own["token_ids"]), name
    made = read_provenance(project.folder / "results/tokens/tiny/letters/aa~generated.parquet")["parameters"]["compute"]
    assert (made["device"], made["dtype"]) == ("cpu", "float32")
    assert not windows(project, "aa-prose")["doc_ids"].equals(own["doc_ids"])
    assert sorted(windows(project, "aa-shuffled")["token_ids"].explode()) == sorted(own["token_ids"].explode())


def test_controls_are_baselines_and_no_languages_and_a_further_one_touches_no_mask(project):
    calibration = project.study["calibration"]
    calibration["calibrations"] = ["aa", "bb", "noise"]
    project.snakemake()
    masks = project.state("pruned")
    calibration["controls"] = CONTROLS | {"bb-shuffled": {"kind": "shuffled", "language": "bb"}}
    calibration["calibrations"] = ["aa", "bb", "noise", "bb-shuffled"]
    planned = project.planned()
    assert planned["prune_model"] == planned["make_control"] == 1
    project.snakemake()
    after = project.state("pruned")
    assert {path: after[path] for path in masks} == masks
    tables = project.folder / "results/reports/tiny/tables"
    effects, baselines, matrix = (
        pl.read_parquet(tables / f"{name}.parquet") for name in ("effects", "baselines", "matrix")
    )
    assert "Tokens of a control" in catalogued(project.folder / "results")
    assert set(effects["other"]) == {"bb"}
    assert set(baselines["other"]) == {"noise", "bb-shuffled"}
    assert set(matrix["calibration"]) == {"none", "aa", "bb", "noise", "bb-shuffled"}


def test_another_name_for_a_control_makes_only_the_tables_anew(project):
    calibration = project.study["calibration"]
    calibration["controls"]["random-tokens"] = calibration["controls"].pop("noise")
    calibration["calibrations"] = ["aa", "bb", "random-tokens", "bb-shuffled"]
    planned = project.planned()
    assert not {"prune_model", "make_control", "sample_calibration", "measure_perplexity"} & planned.keys()
    assert planned["tabulate_perplexity"] == 1
