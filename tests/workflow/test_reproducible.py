"""Equal settings give equal bytes: the real model, in two folders, with jobs side by side and one after the other."""

import pytest

from tests.workflow.project import Project
from tests.workflow.soak import artifacts_of


@pytest.mark.slow
def test_two_runs_of_the_smoke_study_give_the_same_bytes(tmp_path):
    made = []
    for name, cores in (("one", "2"), ("another folder", "1")):
        project = Project(tmp_path / name)
        done = project.attempt("--cores", cores, study="studies/smoke.yaml")
        assert done.returncode == 0, done.stdout + project.logs()
        made.append(artifacts_of(project))
    assert made[0] == made[1]
    kinds = {path.partition("/")[0] for path in made[0]}
    assert kinds == {
        "cloze",
        "calibration",
        "corpora",
        "models",
        "perplexity",
        "pruned",
        "reports",
        "states",
        "tasks",
        "tokens",
    }
