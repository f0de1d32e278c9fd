"""What the profile of SLURM and the documents say of the workflow's rules holds of its rule files."""

import re

import pytest
import yaml

from tests.workflow.project import ROOT

PROFILE = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text(encoding="utf-8"))
GROUPS = dict(entry.split("=") for entry in PROFILE["groups"])
CLUSTERS = ROOT / "docs/clusters.md"
PAGES = [CLUSTERS, *(ROOT / name for name in ("docs/devices.md", "docs/staleness.md", "README.md"))]
LARGE = {"prepare_model"}
"""Takes one core and no GPU, and yet the memory of a whole model: see `effort.prepare_cost`."""


def read_rules() -> dict[str, str]:
    """Rule -> its text, of all that have a job; one that is another one with changes has that one's text before its own."""
    rules: dict[str, str] = {}
    for path in sorted((ROOT / "rules").glob("*.smk")):
        for text in re.split(r"^ *(?=(?:use )?rule\b)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            base, name = re.match(r"(?:use rule (\w+) as|rule)(?: (\w+))?", text).groups()
            # The name of one that is made in a loop is put together there, numbered from its first part on.
            name = name or re.search(r"name:\s+\S*numbered\(\"(\w+)\"", text).group(1)
            rules[name] = rules.get(base, "") + text
    return rules


RULES = read_rules()
ON_MODELS = {name for name, text in RULES.items() if re.search(r"\bgpu=", text)}
WITH_THREADS = {name for name, text in RULES.items() if re.search(r"^ *threads:", text, re.MULTILINE)}


def test_the_rules_are_read():
    assert {"prune_model_and_weights", "score_tasks", "make_control"} <= ON_MODELS
    assert ON_MODELS < WITH_THREADS < RULES.keys()


def test_every_small_rule_is_in_a_group_and_no_other():
    assert GROUPS.keys() == RULES.keys() - WITH_THREADS - LARGE


def test_groups_that_are_put_together_exist():
    assert {entry.partition("=")[0] for entry in PROFILE["group-components"]} <= set(GROUPS.values())


def test_the_rules_on_models_are_those_of_the_page():
    page = CLUSTERS.read_text(encoding="utf-8")
    told = re.search(r"The rules that compute on a model are (.+?), and all whose names begin with", page, re.DOTALL)
    names = re.findall(r"`(\w+)`", told.group(1))
    assert set(names) <= ON_MODELS
    assert {name for name in RULES if name.startswith(tuple(names))} == ON_MODELS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_called_like_a_rule_is_one(page):
    """Whatever begins with the first word of a rule, but for steps, and for tables and columns, which are in the catalogue."""
    steps = {path.stem for path in (ROOT / "workflow_scripts").glob("*.py")}
    catalogued = set(re.findall(r"`(\w+)`", (ROOT / "docs/artifacts.md").read_text(encoding="utf-8")))
    verbs = "|".join({name.partition("_")[0] for name in RULES})
    named = set(re.findall(rf"`((?:{verbs})_\w+?)(?:_\d+)?`", page.read_text(encoding="utf-8")))
    assert named <= RULES.keys() | steps | catalogued
