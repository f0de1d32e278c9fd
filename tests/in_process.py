"""Commands of polyprune within the process of the tests: in one of its own each imports torch anew, for seconds."""

import contextlib
import io
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module

import pytest
import torch
from transformers.utils import logging

from workflow_scripts.__main__ import modules
from workflow_scripts.runtime.command_line import run_step


def run_here(
    command: Sequence[str], *, input: str = "", env: Mapping[str, str] | None = None, **_: object
) -> subprocess.CompletedProcess:
    """As `subprocess.run` of `python -m` and a module of polyprune, with captured text; other options do not count."""
    python, option, module, *arguments = command
    assert (python, option) == (sys.executable, "-m")
    if module == "workflow_scripts":
        name, *arguments = arguments
        module = f"{module}.{'commands' if name in modules('commands') else 'steps'}.{name}"
    step = getattr(found := import_module(module), module.rpartition(".")[2], None) or found.main
    code, out, err = None, io.StringIO(), io.StringIO()
    verbosity, threads = logging.get_verbosity(), torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", [module, *arguments])
        patch.setattr(sys, "stdin", io.StringIO(input))
        for name, value in (env or {}).items():
            patch.setenv(name, value)
        try:
            with warnings.catch_warnings():
                # Of arguments that come from the command line, in a test.
                warnings.filterwarnings("ignore", "Cyclopts application invoked without tokens")
                run_step(step)
        except SystemExit as ended:
            code = ended.code
    logging.set_verbosity(verbosity)
    torch.set_num_threads(threads)
    if isinstance(code, str):
        # As Python itself does.
        err.write(f"{code}\n")
    return subprocess.CompletedProcess(
        command, code if isinstance(code, int) else int(code is not None), out.getvalue(), err.getvalue()
    )
