"""Dry runs of Snakemake in processes that have it imported already, which takes as long as the plan of a small study."""

import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path

CONTEXT = get_context("forkserver")
# The modules of polyprune are not among them: each project has its own.
CONTEXT.set_forkserver_preload(["snakemake.cli"])


def dry_run(folder: Path, arguments: Sequence[str], environment: Mapping[str, str], said: Path) -> int:
    """Run `python -m snakemake` with these arguments in a folder; its exit code. Its output goes to the file `said`."""
    process = CONTEXT.Process(target=_run, args=(str(folder), list(arguments), dict(environment), str(said)))
    process.start()
    process.join()
    return process.exitcode


def _run(folder: str, arguments: list[str], environment: dict[str, str], said: str) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    # As Python has it with -m: the folder's own modules and distributions are found first.
    sys.path.insert(0, folder)
    # What the caller has imported of polyprune, and this process with it, is not the folder's.
    for name in [name for name in sys.modules if name.partition(".")[0] == "workflow_scripts"]:
        del sys.modules[name]
    output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    from snakemake.cli import main

    sys.argv = ["snakemake", *arguments]
    main()
