"""The digest of a step's code: what counts, and what does not."""

import re
import subprocess
import sys

import pytest

from workflow_scripts.artifacts import code_digest

FILES = {
    "__init__.py": '"""Package."""\n__version__ = "1"\n',
    "step.py": "from package.deep import helper\n\n\ndef step():\n    return helper.add(1)\n",
    "other.py": "def other():\n    return 1\n",
    "deep/__init__.py": "",
    "deep/helper.py": '"""Doc."""\nfrom .base import ONE\n\n\ndef add(x):\n    """Add."""\n    return x + ONE\n',
    "deep/base.py": 'PACKAGE_DATA = ("data.txt",)\nONE = 1\n',
    "deep/data.txt": "data",
    "registry/__init__.py": "import importlib\n\n\ndef get(name):\n    return importlib.import_module(name)\n",
    "registry/entry.py": "def run():\n    import package.other\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    root = tmp_path / "package"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.setattr(code_digest, "ROOT", root)
    monkeypatch.setattr(code_digest, "PACKAGE", "package")

    def code_of(*modules):
        code_digest._read.cache_clear()
        code_digest.code_of.cache_clear()
        return code_digest.code_of(*modules)

    yield root, code_of
    code_of()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("deep/helper.py", "    return x + ONE", "\n    # why\n    return x + ONE"),
        ("deep/helper.py", '"""Add."""', '"""Add one."""'),
        ("deep/helper.py", '"""Doc."""', '"""Another."""'),
        ("__init__.py", '"1"', '"2"'),
        ("other.py", "return 1", "return 2"),
        ("registry/entry.py", "def run", "def walk"),
    ],
)
def test_what_does_not_count(package, file, old, new):
    root, code_of = package
    before = code_of("step")
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new))
    assert code_of("step") == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("step.py", "add(1)", "add(2)"),
        ("deep/helper.py", "x + ONE", "x - ONE"),
        ("deep/base.py", "ONE = 1", "ONE = 2"),
        ("deep/data.txt", "data", "other"),
        ("deep/__init__.py", "", "x = 1\n"),
        ("__init__.py", '__version__ = "1"', "X = 1"),
    ],
)
def test_what_counts(package, file, old, new):
    root, code_of = package
    before, other = code_of("step"), code_of("other")
    text = (root / file).read_text()
    (root / file).write_text(text.replace(old, new, 1) if old else new)
    assert code_of("step") != before
    assert (code_of("other") != other) == (file == "__init__.py")


STRINGS = '''
from dataclasses import dataclass

UNIT = "unit of a length"
"""what a constant is"""


@dataclass
class Parameters:
    unit: str = "default of a field"
    """what a field is"""

    class Inner:
        """what a class is"""


def told(unit, otherwise="default of an argument"):
    """what a function does"""
    if unit:
        told.unit = print("argument of a call")
        """inside an if"""
    else:
        """inside an else"""
    for _ in ():
        """inside a for"""
    else:
        """inside the else of a for"""
    while unit:
        """inside a while"""
    with open(unit):
        """inside a with"""
    try:
        """inside a try"""
    except OSError:
        """inside an except"""
    finally:
        """inside a finally"""
    match unit:
        case "pattern of a match":
            """inside a match"""
    return "value that is returned"


async def waited():
    """what another does"""
    print(f"text with a {UNIT}")
    f"formatted {told(UNIT)}"
'''


def digest_changes(package, old):
    """Whether it changes when these words, of the strings above, are others."""
    root, code_of = package
    (root / "other.py").write_text(STRINGS)
    before = code_of("other")
    assert STRINGS.count(old) == 1
    (root / "other.py").write_text(STRINGS.replace(old, "other words"))
    return code_of("other") != before


@pytest.mark.parametrize("words", re.findall('"""(.+)"""', STRINGS))
def test_a_string_that_is_a_statement_does_not_count(package, words):
    assert not digest_changes(package, words)


@pytest.mark.parametrize(
    "words",
    [
        "unit of a length",
        "default of a field",
        "default of an argument",
        "argument of a call",
        "pattern of a match",
        "value that is returned",
        "text with a",
        "formatted",
    ],
)
def test_a_string_that_is_a_value_counts(package, words):
    assert digest_changes(package, words)


def test_an_entry_of_a_registry_counts_where_it_is_named_with_all_it_imports_inside(package):
    root, code_of = package
    before = code_of("registry", "registry.entry")
    (root / "other.py").write_text("def other():\n    return 2\n")
    assert code_of("registry", "registry.entry") != before
    assert "package.other" in code_digest.reachable("package.registry.entry")


def test_a_module_that_is_not_there_is_named(package):
    _, code_of = package
    with pytest.raises(ValueError, match=r"package\.steps"):
        code_of("steps")


def test_pruning_depends_on_its_method_and_the_engine_and_not_on_the_study():
    wanda = code_digest.reachable("workflow_scripts.steps.prune_model", "workflow_scripts.pruning.methods.wanda.method")
    assert {"workflow_scripts.pruning.engine", "workflow_scripts.masks.packing"} <= wanda
    assert not {"workflow_scripts.pruning.methods.sparsegpt.method", "workflow_scripts.study"} & wanda
    assert not [name for name in wanda if name.endswith((".declaration", ".declaring"))]


def test_every_module_that_a_step_really_imports_is_reachable():
    script = (
        "import sys, workflow_scripts.steps.prune_model, workflow_scripts.pruning.methods.sparsegpt.method\n"
        "print('\\n'.join(name for name in sys.modules if name.startswith('workflow_scripts')))"
    )

    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    found = code_digest.reachable(
        "workflow_scripts.steps.prune_model", "workflow_scripts.pruning.methods.sparsegpt.method"
    )
    # The kernel for cuda is part of the digest, and is imported only there.
    assert found - set(printed.stdout.split()) == {"workflow_scripts.pruning.triton_columns"}
    assert set(printed.stdout.split()) <= found
