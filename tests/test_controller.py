"""A step ends with the run that started it, however that ends, and goes on by itself when nobody started it."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from workflow_scripts.runtime.controller import VARIABLE

STEP = """
import sys, time
from workflow_scripts.runtime.command_line import run_step

def wait():
    print("begun", flush=True)
    time.sleep(120)

sys.argv = ["wait"]
run_step(wait)
"""
# As Snakemake does: a shell between the run and the step.
RUN = f"import subprocess, sys; subprocess.run(['bash', '-c', 'export {VARIABLE}=$PPID; \"$0\" -c \"$1\"; true', sys.executable, sys.argv[1]])"


def ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_for(condition) -> bool:
    until = time.monotonic() + 30
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
    return condition()


@pytest.mark.parametrize("ends_with", [signal.SIGKILL, signal.SIGTERM])
def test_a_step_ends_with_its_run(ends_with):
    with subprocess.Popen([sys.executable, "-c", RUN, STEP], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout.readline() == "begun\n"
        (step,) = [p for p in psutil.Process(run.pid).children(recursive=True) if p.cmdline()[1:] == ["-c", STEP]]
        assert not ended(step)
        run.send_signal(ends_with)
        assert wait_for(lambda: ended(step))


def test_a_step_that_nobody_started_goes_on():
    environment = {key: value for key, value in os.environ.items() if key != VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", STEP.replace("120", "3")], capture_output=True, text=True, env=environment
    )
    assert (done.returncode, done.stdout) == (0, "begun\n")


def test_a_step_whose_run_is_gone_already_does_not_begin():
    gone = subprocess.Popen(["true"])
    gone.wait()
    done = subprocess.run(
        [sys.executable, "-c", STEP], capture_output=True, text=True, env=os.environ | {VARIABLE: str(gone.pid)}
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "The run that started this step is gone" in done.stderr
