"""Commands that look at files start without torch and transformers, whose imports take longer than all that they do."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("command", ["verify", "progress", "recover"])
def test_a_command_that_computes_nothing_imports_no_torch(command):
    code = (
        f"import sys, workflow_scripts.commands.{command}; print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
