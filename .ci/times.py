"""Where the time of .ci/run goes: a table of its steps and of each file of tests, beside the kept one of an earlier run.

    python .ci/times.py --steps steps.tsv --junit slow.xml quick.xml [--keep]

The kept table, `.ci/times.tsv`, says how quick its machine was by a yardstick that is measured again here: SHA-256 by OpenSSL,
and a plain product of float32 matrices. What was kept is scaled by both, so that a slower machine is no slower test.
"""

import argparse
import csv
import re
import subprocess
import sys
import time
from collections import Counter
from math import sqrt
from pathlib import Path
from xml.etree import ElementTree

import torch

KEPT = Path(__file__).with_name("times.tsv")
SHA256, PRODUCT = "yardstick: SHA-256, MB/s", "yardstick: product of 2048, GFLOP/s"


def yardstick() -> dict[str, float]:
    """How quick one core of this machine is."""
    command = ["openssl", "speed", "-seconds", "3", "-bytes", "16384", "sha256"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    hashed = float(re.search(r"^sha256 +([\d.]+)k", said, re.MULTILINE)[1]) / 1000
    torch.set_num_threads(1)
    left, right = torch.rand(2, 2048, 2048)
    rates = []
    for _ in range(8):
        start = time.perf_counter()
        left @ right
        rates.append(2 * 2048**3 / (time.perf_counter() - start) / 1e9)
    return {SHA256: hashed, PRODUCT: sorted(rates)[len(rates) // 2]}


def seconds_of_files(report: Path) -> Counter:
    """File of tests -> seconds of all its tests, set-up and tear-down included, of a JUnit report of pytest's."""
    found = Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        found[f"{case.get('classname', '').replace('.', '/')}.py ({report.stem})"] += float(case.get("time", 0))
    return found


def read_table(path: Path) -> dict[str, float]:
    """Name -> number, of a file with two columns."""
    with open(path, encoding="utf-8", newline="") as file:
        return {name: float(value) for name, value in csv.reader(file, delimiter="\t")}


def main() -> None:
    """Print the table, and keep it where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=Path, required=True, help="seconds of the steps, two columns")
    parser.add_argument("--junit", type=Path, nargs="*", default=[], help="JUnit reports of pytest's")
    parser.add_argument("--keep", action="store_true", help=f"write the table to {KEPT.name}")
    given = parser.parse_args()
    files: Counter = sum(map(seconds_of_files, given.junit), Counter())
    rows = yardstick() | read_table(given.steps) | {name: round(seconds, 1) for name, seconds in files.most_common()}
    kept = read_table(KEPT) if KEPT.is_file() else {}
    factor = sqrt(kept[SHA256] / rows[SHA256] * kept[PRODUCT] / rows[PRODUCT]) if kept else 1.0
    sys.stdout.write(f"{'seconds':>9} {'expected':>9}   (what was kept, times {factor:.2f} by the yardstick)\n")
    for name, value in rows.items():
        before = kept.get(name)
        scaled = before if before is None or "yardstick" in name else before * factor
        sys.stdout.write(f"{value:9.1f} {'' if scaled is None else f'{scaled:.1f}':>9}   {name}\n")
    if given.keep:
        with open(KEPT, "w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter="\t", lineterminator="\n").writerows(rows.items())


if __name__ == "__main__":
    main()
