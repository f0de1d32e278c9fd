"""Sections: each one module in one list, loaded without the others, and enough for a figure, words and tables of its own."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import workflow_scripts
from workflow_scripts.artifacts.code_digest import reachable
from workflow_scripts.reporting.page import HERE, contents
from workflow_scripts.reporting.registry import SECTIONS, figure_files, load, section_modules, sections

PACKAGE = Path(workflow_scripts.__file__).parent
OWN = '''
"""How many documents were evaluated."""

from matplotlib.figure import Figure

from workflow_scripts.reporting.kit.section import Section
from workflow_scripts.reporting.kit.svg import styled
from workflow_scripts.reporting.kit.tables import Column, make_table

PACKAGE_DATA = ("sizes.rst",)


@styled
def draw(rows, among=None, known=None):
    figure = Figure(figsize=(3, 2))
    figure.subplots().hist(rows["documents"])
    return figure


SECTION = Section(
    title="How much was evaluated",
    method="Documents are counted.",
    files={"sizes": "documents of every variant"},
    draw=draw,
    words=lambda rows, known: f"Documents: {rows['documents'].sum()}.",
    tables=lambda tables, known: [
        (make_table("documents", "Documents", tables["sizes"].to_dicts(), [Column("count", "documents")], []), True)
    ],
    findings=lambda tables, known: [("All", [f"Together {tables['sizes']['documents'].sum()} documents."])],
    gaps=lambda tables: ["How long they are is not shown."],
)
'''
RENDER = """
import sys
from pathlib import Path
import polars as pl
from workflow_scripts.reporting.figures import draw, save
from workflow_scripts.reporting.page import render_report
tables = {path.stem: pl.read_parquet(path) for path in Path("tables").glob("*.parquet")}
tables["sizes"] = tables["mean_matrix"].head(2)
Path("report.html").write_text(render_report({}, tables))
save(draw(tables)["sizes"], Path("sizes"))
"""


@pytest.fixture(scope="module")
def extended(tables_of, tmp_path_factory):
    """A copy of the package with a module, a caption and a line of the registry more, after it wrote its report."""
    folder = tmp_path_factory.mktemp("extended")
    shutil.copytree(PACKAGE, folder / "workflow_scripts", ignore=shutil.ignore_patterns("__pycache__"))
    home = folder / "workflow_scripts/reporting"
    (home / "sections/sizes.py").write_text(OWN)
    (home / "sections/sizes.rst").write_text("Documents.\n\nHow to read this: a bar a number.\n")
    registry = (home / "registry.py").read_text()
    line = '    Entry("matrix", "mean_matrix"),\n'
    assert registry.count(line) == 1
    (home / "registry.py").write_text(registry.replace(line, line + '    Entry("sizes", "sizes"),\n'))
    (folder / "tables").mkdir()
    for name, table in tables_of("small").items():
        table.write_parquet(folder / f"tables/{name}.parquet")
    subprocess.run([sys.executable, "-c", RENDER], cwd=folder, check=True)
    return folder


def test_a_section_of_ones_own_is_a_module_a_caption_and_a_line(extended, tables_of):
    html = (extended / "report.html").read_text()
    section = html[html.index('<section id="sizes"') : html.index('<section id="effects"')]
    total = tables_of("small")["mean_matrix"]["documents"].head(2).sum()
    assert "<h2>How much was evaluated</h2>" in section and "How to read this: a bar a number." in section
    assert f"Documents: {total}." in section and section.count("<svg") == 1
    assert f"Together {total} documents." in section and "How long they are is not shown." in section
    assert 'id="table-documents"' in section
    assert "<li>Documents are counted.</li>" in html
    assert "<tr><td>sizes</td>" in html and "documents of every variant" in html
    assert {path.name for path in extended.glob("sizes.*")} == {"sizes.svg", "sizes.png"}


def test_rules_find_a_section_of_ones_own(extended):
    code = (
        "from workflow_scripts.reporting.registry import figure_files, section_modules as modules;"
        "from workflow_scripts.artifacts.code_digest import code_of;"
        "print(figure_files({'sizes'}), 'reporting.sections.sizes' in modules(), code_of('steps.write_report', *modules()))"
    )
    ran = [
        subprocess.run([sys.executable, "-c", code], cwd=extended, check=True, text=True, capture_output=True).stdout
        for change in ("", "\nHow to read this: otherwise.\n")
        if (extended / "workflow_scripts/reporting/sections/sizes.rst").write_text("Documents.\n" + change)
    ]
    assert all(told.startswith("['sizes'] True ") for told in ran)
    assert ran[0] != ran[1], "a caption counts as code"


def test_the_list_is_read_without_what_figures_take():
    code = (
        "import sys, workflow_scripts.reporting.registry;"
        "print({'matplotlib', 'polars', 'torch', 'numpy'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, check=True, text=True, capture_output=True)
    assert ran.stdout.strip() == "set()"


def test_every_module_is_on_the_list_and_every_entry_a_section():
    names = [entry.name for entry in SECTIONS]
    assert sorted(names) == sorted(path.stem for path in (HERE / "sections").glob("[!_]*.py"))
    for entry, section in sections():
        assert section.title and section.draw if entry.is_file else section.maps, entry.name
        assert section.words or section.maps, entry.name
        assert entry.table in contents(), entry.name


def test_a_file_is_explained_by_one_section():
    told = [name for _, section in sections() for name in section.files]
    assert len(told) == len(set(told))


def test_sections_do_not_know_each_other():
    for name in section_modules():
        found = {module for module in reachable(f"workflow_scripts.{name}") if ".sections." in module}
        assert found == {f"workflow_scripts.{name}"}
    for path in (HERE / "kit").glob("*.py"):
        text = ast.unparse(ast.parse(path.read_text()))
        assert "reporting.sections" not in text and "reporting.registry" not in text, path.name


def test_figures_are_those_whose_table_has_something_to_show():
    assert figure_files(["mean_matrix", "effects", "questions_matrix"]) == ["matrix", "effects"]
    assert load("questions_matrix").draw is None
