"""A Python that has imported what takes long: Snakemake, the commands and the steps of tiny studies are forks of it.

Most of the seconds of each are the imports of torch, transformers, scipy, matplotlib or Snakemake itself. It takes the place of
the `python` that rules call, in the studies of tests that watch which jobs run and what they leave. Runs that are killed,
clusters and the real model have a Python of their own for every process.
"""

import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from functools import cache
from importlib import import_module
from pathlib import Path

# Not polars, which is not made for forks, and nothing of polyprune: each project has its own.
LIBRARIES = (
    "snakemake.cli", "snakemake.profiles", "snakemake.report.html_reporter", "smart_open", "yte",
    "cyclopts", "pandas", "pyarrow.compute", "pyarrow.parquet", "pydantic", "jinja2", "fontTools.unicodedata",
    "scipy.cluster.hierarchy", "scipy.stats", "statsmodels.stats.multitest",
    "matplotlib.figure", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg",
)  # fmt: skip

CLIENT = """#!{python} -IS
import json, os, socket, sys
if sys.argv[1:2] != ["-m"] or sys.argv[2].partition(".")[0] not in ("snakemake", "workflow_scripts"):
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
told = {{"folder": os.getcwd(), "environment": dict(os.environ), "module": sys.argv[2], "arguments": sys.argv[3:]}}
socket.send_fds(server, [b"!"], [0, 1, 2])
server.sendall(json.dumps(told).encode())
server.shutdown(socket.SHUT_WR)
code = server.recv(16)
# Without a word where the step died.
sys.exit(int(code) if code else 137)
"""


@cache
def warm_python() -> Path:
    """Folder with a `python` that runs them in forks of one warm process, which ends with this one."""
    folder = Path(tempfile.mkdtemp(prefix="warm-python-"))
    address = str(folder / "socket")
    python = folder / "python"
    python.write_text(CLIENT.format(python=sys.executable, address=address))
    python.chmod(0o755)
    # Its standard input ends with this process.
    server = subprocess.Popen(
        [sys.executable, __file__, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert server.stdout.readline() == b"warm\n"
    atexit.register(server.stdin.close)
    return folder


def serve(address: str) -> None:
    """Fork a process for every client, until the standard input ends."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel  # noqa: F401

    for library in LIBRARIES:
        import_module(library)
    # To look for garbage among what was imported, a fork would take a copy of it all.
    gc.freeze()
    # Nobody waits for the forks.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    sys.stdout.write("warm\n")
    sys.stdout.flush()
    while True:
        ready, _, _ = select.select([sys.stdin, listener], [], [])
        if sys.stdin in ready:
            return
        client, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            run(client)
        client.close()


def run(client: socket.socket) -> None:
    """Run the module that a client wants, with its folder, environment and files, and tell it the exit code."""
    _, files, _, _ = socket.recv_fds(client, 1, 3)
    text = b""
    while part := client.recv(2**16):
        text += part
    told = json.loads(text)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(told["folder"])
    os.environ.clear()
    os.environ.update(told["environment"])
    # As Python has it with -m: the folder's own modules and distributions are found first.
    first = [told["folder"], *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    sys.path[:0] = first
    sys.argv = [told["module"], *told["arguments"]]
    code = 0
    try:
        runpy.run_module(told["module"], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        client.sendall(str(code).encode())
        os._exit(code)


if __name__ == "__main__":
    # What stands beside this file is no module of a step's.
    del sys.path[0]
    serve(sys.argv[1])
