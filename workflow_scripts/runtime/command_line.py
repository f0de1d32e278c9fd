"""Make a step's typed function a command line, and its errors one sentence."""

import logging
import sys
import traceback
from collections.abc import Callable

import cyclopts

from workflow_scripts import __version__
from workflow_scripts.runtime.controller import end_with_controller
from workflow_scripts.runtime.mistakes import Mistake
from workflow_scripts.runtime.process import imports_done


def run_step(step: Callable[..., None], imports_more: bool = False) -> None:
    """Run a step with the arguments of the command line; a failure is logged whole and ends with one sentence, a mistake of the
    user's is that sentence alone.

    Args:
        step: the step.
        imports_more: whether it imports torch when it has found something to do, and says itself when that is done.
    """
    if not imports_more:
        imports_done()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    end_with_controller()
    app = cyclopts.App(version=f"polyprune {__version__}")
    app.default(step)
    try:
        app()
    except Mistake as mistake:
        sys.exit(str(mistake))
    except Exception as error:
        traceback.print_exc()
        sys.exit(f"\n{step.__name__} failed: {error}")
