"""How the process of a step begins, and that no other changes; each test in a process of its own, for it is for the whole of one."""

import os
import subprocess
import sys

import pyarrow as pa
import pytest

from tests.workflow.project import ROOT
from workflow_scripts.artifacts.files import write_table

PROVENANCE = {"step": "s", "parameters": {}, "code": "c", "inputs": {}, "versions": {}}


AS_A_STEP = ("-m", "workflow_scripts.probe")
AS_ANOTHER = [("-c",), ("probe.py",), ("-m", "probe"), ("-m", "owner")]
"""Ways to run code that imports the package: as text, as a file, as a module, as a package that imports it at once."""


@pytest.fixture
def told(tmp_path):
    """What a new Python prints that runs this code, as a step unless another way is said."""
    package = tmp_path / "workflow_scripts"
    package.mkdir()
    for path in (ROOT / "workflow_scripts").iterdir():
        if path.name != "__pycache__":
            (package / path.name).symlink_to(path)
    (tmp_path / "owner").mkdir()
    (tmp_path / "owner/__init__.py").write_text("import workflow_scripts\n")

    def run(code, way=AS_A_STEP, **environment):
        for name in ("workflow_scripts/probe.py", "probe.py", "owner/__main__.py"):
            (tmp_path / name).write_text(code)
        command = [sys.executable, *way, *([code] if way == ("-c",) else [])]
        surroundings = {key: value for key, value in os.environ.items() if key != "THP_MEM_ALLOC_ENABLE"}
        done = subprocess.run(
            # Arguments that sound like a step's own.
            [*command, *AS_A_STEP],
            cwd=tmp_path,
            text=True,
            capture_output=True,
            check=True,
            env=surroundings | {"PYTHONPATH": str(tmp_path)} | environment,
        )
        return done.stdout.split()

    return run


SETTINGS = """
import gc, os, workflow_scripts.runtime.process as p
print(gc.get_threshold()[0], os.environ.get("THP_MEM_ALLOC_ENABLE"))
p.imports_done()
print(gc.get_threshold()[0], gc.get_freeze_count() > 1000)
"""


def test_a_step_looks_for_garbage_after_the_imports_and_not_among_them(told):
    assert told(SETTINGS) == ["1000000", "1", "700", "True"]


@pytest.mark.parametrize("way", AS_ANOTHER)
def test_a_process_that_imports_the_package_stays_as_it_is(told, way):
    assert told(SETTINGS, way) == ["700", "None", "700", "False"]


def test_garbage_in_cycles_is_found_after_the_imports(told):
    code = (
        "import weakref, workflow_scripts.runtime.process as p; p.imports_done()\n"
        "class Node: pass\n"
        "nodes = [Node() for _ in range(2000)]\n"
        "for node in nodes: node.itself = node\n"
        "first = weakref.ref(nodes[0]); del nodes, node\n"
        "more = [[] for _ in range(100_000)]\n"
        "print(first() is None)"
    )
    assert told(code) == ["True"]


def test_large_pages_are_asked_for_unless_the_user_says_otherwise(told):
    assert told("import os; print(os.environ['THP_MEM_ALLOC_ENABLE'])", THP_MEM_ALLOC_ENABLE="0") == ["0"]


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's heaps")
@pytest.mark.parametrize("way", [AS_A_STEP, *AS_ANOTHER])
def test_threads_of_a_step_share_one_heap(told, way, tmp_path):
    code = f"""
import ctypes, threading, workflow_scripts
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
barrier = threading.Barrier(4)
def work():
    libc.malloc(ctypes.c_size_t(1000))
    barrier.wait()
threads = [threading.Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads]; [thread.join() for thread in threads]
file = ctypes.c_void_p(libc.fopen({str(tmp_path / "heaps.xml")!r}.encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""
    told(code, way)
    count = (tmp_path / "heaps.xml").read_text().count("<heap ")
    assert count == 1 if way == AS_A_STEP else count > 1


def test_reading_a_table_imports_no_pandas(told, tmp_path):
    write_table(tmp_path / "a.parquet", pa.table({"a": [1, 2], "b": ["x", "y"]}), PROVENANCE)
    code = f"""
import sys
from workflow_scripts.artifacts.files import read_table
print(read_table({str(tmp_path / "a.parquet")!r}, ["a"]).num_rows, "pandas" in sys.modules)
"""
    assert told(code) == ["2", "False"]
