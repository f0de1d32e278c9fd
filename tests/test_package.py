"""An installed package has all files that its code reads."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "workflow_scripts"


def test_every_file_of_the_package_is_installed_and_every_pattern_finds_one():
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    found = [set((ROOT / name.replace(".", "/")).glob(each)) for name, several in patterns.items() for each in several]
    files = {path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    installed = set().union(*found)
    assert {path for path in files if path.suffix != ".py" and path.name != "README.md"} == installed
    assert all(found)
