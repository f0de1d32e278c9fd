"""The memory sampler on processes that hold known amounts."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from benchmarks.sampler import run
from benchmarks.workload import ROOT

MEGABYTE = 10**6
IDLE = "import subprocess, sys, time; time.sleep(0.5)"
HOLD = "import time; held = b'x' * {size}; time.sleep(0.5)"


def usage(tmp_path, program):
    return run([sys.executable, "-c", program], tmp_path / "log")


def test_memory_that_a_process_holds_is_seen(tmp_path):
    idle = usage(tmp_path, IDLE)
    held = usage(tmp_path, HOLD.format(size=200 * MEGABYTE))
    assert held.peak_anonymous - idle.peak_anonymous == pytest.approx(200 * MEGABYTE, abs=8 * MEGABYTE)
    assert held.peak_rss - idle.peak_rss == pytest.approx(200 * MEGABYTE, abs=8 * MEGABYTE)
    assert held.seconds >= 0.5
    assert held.cpu_seconds > 0


def test_the_peak_counts_and_not_the_end(tmp_path):
    program = HOLD.format(size=100 * MEGABYTE) + "; del held; time.sleep(0.2)"
    assert usage(tmp_path, program).peak_anonymous > 100 * MEGABYTE


def test_processes_that_a_process_starts_count_with_it(tmp_path):
    child = HOLD.replace("0.5", "1.5").format(size=60 * MEGABYTE)
    program = (
        f"import subprocess, sys; held = b'x' * {60 * MEGABYTE}; subprocess.run([sys.executable, '-c', {child!r}])"
    )
    assert usage(tmp_path, program).peak_anonymous > 120 * MEGABYTE


def test_a_mapped_file_is_resident_and_not_anonymous(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 64 * MEGABYTE)
    program = (
        f"import mmap, time; file = open({str(tmp_path / 'file')!r}, 'rb');"
        "mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ); sum(mapped[::4096]); time.sleep(0.3)"
    )
    mapped, idle = usage(tmp_path, program), usage(tmp_path, IDLE)
    assert mapped.peak_rss - idle.peak_rss > 50 * MEGABYTE
    assert mapped.peak_anonymous - idle.peak_anonymous < 10 * MEGABYTE


def test_a_command_that_fails_says_how(tmp_path):
    with pytest.raises(RuntimeError, match=r"Ended with 3(.|\n)*too bad"):
        usage(tmp_path, "import sys; print('too bad'); sys.exit(3)")


def test_a_benchmark_that_is_terminated_leaves_nothing_behind(tmp_path):
    child = f"import os, pathlib, time; pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid())); time.sleep(99)"
    program = (
        "import pathlib, sys; from benchmarks.sampler import run; from benchmarks.workload import begin;"
        f"begin(1); run([sys.executable, '-c', {child!r}], pathlib.Path({str(tmp_path / 'log')!r}))"
    )
    with subprocess.Popen([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(ROOT)}) as benchmark:
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            assert benchmark.poll() is None
            time.sleep(0.05)
        benchmark.terminate()
    assert benchmark.returncode == 128 + signal.SIGTERM
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))
