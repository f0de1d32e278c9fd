"""The warm Python of the tests does as a Python of one's own: output, exit code, folder, environment, and other programs."""

import os
import subprocess
import sys

import pytest

from tests.workflow.project import ROOT
from tests.workflow.warm_python import warm_python


def run(python, *arguments, folder, **environment):
    surroundings = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    done = subprocess.run([python, *arguments], cwd=folder, env=surroundings, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("-m", "workflow_scripts.commands.check", "none.yaml"),
        ("-m", "workflow_scripts.commands.check", str(ROOT / "studies/smoke.yaml")),
        ("-m", "workflow_scripts.steps.collect_documents", "--nonsense"),
        ("-c", "import os, sys; print(os.getcwd(), os.environ['WORD'], sys.argv); sys.exit(3)"),
    ],
)
def test_a_command_gives_what_it_gives_alone(tmp_path, arguments):
    own, warm = (
        run(python, *arguments, folder=tmp_path, WORD="a 'b'") for python in (sys.executable, warm_python() / "python")
    )
    assert warm == own


def test_a_step_that_dies_has_failed(tmp_path):
    (tmp_path / "workflow_scripts").mkdir()
    (tmp_path / "workflow_scripts/__init__.py").touch()
    (tmp_path / "workflow_scripts/dies.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    (tmp_path / "workflow_scripts/raises.py").write_text("raise KeyError('lost')\n")
    python = warm_python() / "python"
    assert run(python, "-m", "workflow_scripts.dies", folder=tmp_path, PYTHONPATH="")[0] == 137
    code, _, said = run(python, "-m", "workflow_scripts.raises", folder=tmp_path, PYTHONPATH="")
    assert code == 1 and said.endswith("KeyError: 'lost'\n")
