"""How the process of a step begins; each test in a process of its own, for it is for the whole of one."""

import os
import subprocess
import sys

import pyarrow as pa
import pytest

from tests.workflow.project import ROOT
from workflow_scripts.artifacts import write_table

PROVENANCE = {"step": "s", "parameters": {}, "code": "c", "inputs": {}, "versions": {}}


def told(code, **environment):
    """What a new Python prints that runs this code."""
    surroundings = {key: value for key, value in os.environ.items() if key != "THP_MEM_ALLOC_ENABLE"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        text=True,
        capture_output=True,
        check=True,
        env=surroundings | {"PYTHONPATH": str(ROOT)} | environment,
    )
    return done.stdout.split()


def test_garbage_is_looked_for_after_the_imports_and_not_among_them():
    code = "import gc, workflow_scripts.process as p; print(gc.get_threshold()[0]); p.imports_done(); print(gc.get_threshold()[0], gc.get_freeze_count())"
    during, after, frozen = map(int, told(code))
    assert (during, after) == (1_000_000, 700)
    assert frozen > 1000


def test_garbage_in_cycles_is_found_after_the_imports():
    code = (
        "import weakref, workflow_scripts.process as p; p.imports_done()\n"
        "class Node: pass\n"
        "nodes = [Node() for _ in range(2000)]\n"
        "for node in nodes: node.itself = node\n"
        "first = weakref.ref(nodes[0]); del nodes, node\n"
        "more = [[] for _ in range(100_000)]\n"
        "print(first() is None)"
    )
    assert told(code) == ["True"]


def test_large_pages_are_asked_for_unless_the_user_says_otherwise():
    code = "import os, workflow_scripts; print(os.environ['THP_MEM_ALLOC_ENABLE'])"
    assert told(code) == ["1"]
    assert told(code, THP_MEM_ALLOC_ENABLE="0") == ["0"]


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's heaps")
@pytest.mark.parametrize(("package", "heaps"), [("workflow_scripts", "one"), ("threading", "more")])
def test_threads_share_one_heap(package, heaps, tmp_path):
    code = f"""
import ctypes, threading, {package}
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
    told(code)
    count = (tmp_path / "heaps.xml").read_text().count("<heap ")
    assert count == 1 if heaps == "one" else count > 1


def test_reading_a_table_imports_no_pandas(tmp_path):
    write_table(tmp_path / "a.parquet", pa.table({"a": [1, 2], "b": ["x", "y"]}), PROVENANCE)
    code = f"""
import sys
from workflow_scripts.artifacts import read_table
print(read_table({str(tmp_path / "a.parquet")!r}, ["a"]).num_rows, "pandas" in sys.modules)
"""
    assert told(code) == ["2", "False"]
