"""End a step together with the run that started it.

Killed with SIGKILL, Snakemake leaves its jobs behind, and they would go on writing beside those of the next run.
"""

import os
import sys
import threading
import time

import psutil

VARIABLE = "POLYPRUNE_CONTROLLER"
"""Environment variable with the process id of the run; a step that is called by hand has none, and goes on by itself."""
SECONDS = 1.0


def end_with_controller() -> None:
    """From now on, end this process within a second of the run that started it."""
    if VARIABLE in os.environ:
        try:
            controller = psutil.Process(int(os.environ[VARIABLE]))
        except psutil.NoSuchProcess:
            _end()
        threading.Thread(target=_watch, args=(controller,), daemon=True).start()


def _watch(controller: psutil.Process) -> None:
    while _lives(controller):
        time.sleep(SECONDS)
    _end()


def _lives(controller: psutil.Process) -> bool:
    try:
        # A process that its parent has not asked after is there still, and dead.
        return controller.is_running() and controller.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _end() -> None:
    print("The run that started this step is gone: the step ends too.", file=sys.stderr, flush=True)
    # At once, whatever the main thread computes; what is half written has another name than an artifact.
    os._exit(1)
