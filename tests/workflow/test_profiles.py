"""What the profile of SLURM and the documents say of the workflow's rules holds of its rule files."""

import re

import pytest
import yaml

from tests.workflow.project import ROOT
from workflow_scripts.planning.dag import study_dag

PROFILE = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text(encoding="utf-8"))
GROUPS = dict(entry.split("=") for entry in PROFILE["groups"])
CLUSTERS = ROOT / "docs/clusters.md"
PAGES = [CLUSTERS, *(ROOT / name for name in ("docs/devices.md", "docs/staleness.md", "README.md"))]
LARGE = {"prepare_model"}
"""Takes one core and no GPU, and yet the memory of a whole model: see `effort.prepare_cost`."""


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    """Rule -> its resources, of all that have a job, by a study that measures everything with two threads a job."""
    folder = tmp_path_factory.mktemp("rules")
    study = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    study["evaluation"] |= {"tasks": ["xnli"], "continuations": {}, "representations": {}, "activations": {}}
    study["evaluation"]["questions"] = {"hub": "apple/mkqa", "revision": "refs/convert/parquet"}
    study["compute"]["threads"] = 2
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    found = study_dag(folder / "study.yaml").workflow.rules
    return {rule.name: rule.resources for rule in found if not rule.norun}


@pytest.fixture
def on_models(rules):
    """The rules whose jobs compute on a model."""
    return {name for name, resources in rules.items() if "gpu" in resources}


@pytest.fixture
def with_threads(rules):
    """The rules whose jobs take more than a thread."""
    return {name for name, resources in rules.items() if resources["_cores"] != 1}


def test_the_rules_are_read(rules, on_models, with_threads):
    assert {"prune_model_and_weights", "score_tasks", "count_activations", "make_control"} <= on_models
    assert on_models < with_threads < rules.keys()


def test_every_small_rule_is_in_a_group_and_no_other(rules, with_threads):
    assert GROUPS.keys() == rules.keys() - with_threads - LARGE


def test_groups_that_are_put_together_exist():
    assert {entry.partition("=")[0] for entry in PROFILE["group-components"]} <= set(GROUPS.values())


def test_the_rules_on_models_are_those_of_the_page(rules, on_models):
    page = CLUSTERS.read_text(encoding="utf-8")
    told = re.search(r"The rules that compute on a model are (.+?), and all whose names begin with", page, re.DOTALL)
    names = re.findall(r"`(\w+)`", told.group(1))
    assert set(names) <= on_models
    assert {name for name in rules if name.startswith(tuple(names))} == on_models


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_called_like_a_rule_is_one(page, rules):
    """Whatever begins with the first word of a rule, but for steps, and for tables and columns, which are in the catalogue."""
    steps = {path.stem for path in (ROOT / "workflow_scripts").glob("*.py")}
    catalogued = set(re.findall(r"`(\w+)`", (ROOT / "docs/artifacts.md").read_text(encoding="utf-8")))
    verbs = "|".join({name.partition("_")[0] for name in rules})
    named = set(re.findall(rf"`((?:{verbs})_\w+?)(?:_\d+)?`", page.read_text(encoding="utf-8")))
    assert named <= rules.keys() | steps | catalogued
