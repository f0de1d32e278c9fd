"""A further method is a folder of two files: listed, checked, planned and pruned with, while nothing else is touched."""

import os
import subprocess
import sys

import pytest

from tests.workflow.project import Project
from workflow_scripts.masks.store import MaskStore

pytestmark = pytest.mark.slow

DECLARATION = '''"""What Wanda keeps goes."""

from workflow_scripts.pruning.methods.declaring import Declaration

METHOD = Declaration("Inverted Wanda", "squared_norms", refuse=lambda pattern: "" if pattern.ratio == 0.5 else "half alone")
'''
METHOD = '''"""What Wanda keeps goes."""

from workflow_scripts.pruning.criteria import wanda_mask
from workflow_scripts.pruning.methods.loading import PrunedLinear


def prune(weights, statistics, pattern):
    """See `methods.loading.Method`."""
    return [PrunedLinear(~wanda_mask(weight, statistics.total, pattern)) for weight in weights]
'''
ASKED = """
import sys
from workflow_scripts.planning.jobs import job_kinds
from workflow_scripts.study import StudyError, read_study
from workflow_scripts.study.values import Method
from workflow_scripts.study.words import words_of
study = {study!r}
print(words_of(Method))
print([kind.rule for kind in job_kinds(read_study(study)) if kind.method == "inverted"])
try:
    read_study(study | {{"pruning": {{"methods": ["inverted"], "patterns": [0.3]}}}})
except StudyError as error:
    print(error)
print("torch" in sys.modules)
from workflow_scripts.reporting.kit.labels import method_name
print(method_name("inverted"))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("method") / "project", warm=True)
    folder = project.folder / "workflow_scripts/pruning/methods/inverted"
    folder.mkdir()
    (folder / "declaration.py").write_text(DECLARATION)
    (folder / "method.py").write_text(METHOD)
    (folder / "__init__.py").touch()
    project.study["pruning"]["methods"] = ["inverted", "wanda"]
    return project


def test_it_is_listed_planned_checked_without_torch_and_called_by_its_label(project):
    environment = os.environ | {"PYTHONPATH": str(project.folder)}
    command = [sys.executable, "-c", ASKED.format(study=project.study)]
    done = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "one of inverted, sparsegpt, wanda",
        "['prune_model']",
        "pruning.patterns.0: half alone.",
        "False",
        "Inverted Wanda",
    ]


def test_it_prunes_and_a_change_of_its_declaration_makes_no_mask_anew(project):
    stores = {
        method: f"results/pruned/tiny/{method}/0.5/letters-2x16-sequential/aa/0/masks.parquet"
        for method in ("inverted", "wanda")
    }
    project.snakemake(*stores.values())
    with MaskStore(project.folder / stores["inverted"]) as own, MaskStore(project.folder / stores["wanda"]) as wanda:
        linear = next(iter(own))[0]
        assert (own.read(linear.block, linear.module) == ~wanda.read(linear.block, linear.module)).all()
    declaration = project.folder / "workflow_scripts/pruning/methods/inverted/declaration.py"
    declaration.write_text(DECLARATION.replace("Inverted Wanda", "Another label"))
    assert "Nothing to be done" in project.snakemake("-n", *stores.values())
