"""The report: one file, all figures and tables in it, safe, and equal every time."""

import csv
import io
import re
from html.parser import HTMLParser
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import polars as pl
import pytest
from simulated_inside import simulate_inside

from workflow_scripts.reporting import page
from workflow_scripts.reporting.durations import Job, summarise_jobs
from workflow_scripts.reporting.kit.csv_links import csv_link, csv_text, frame_link
from workflow_scripts.reporting.page import HERE, TITLE, caption, contents, render_report
from workflow_scripts.reporting.registry import SECTIONS, section_modules

NAMES = [entry.name for entry in SECTIONS]
STUDY = {
    "name": "default",
    "variants": 20,
    "command": "snakemake --cores all",
    "models": [{"name": "tiny", "source": "a package", "licence": "its terms", "revision": "abc123"}],
    "corpora": [{"name": "embedded", "source": "ours", "licence": "CC0-1.0"}],
    "versions": {"torch": "2.13.0", "polyprune": "0.1.0"},
}
VOID = {"meta", "img", "link", "br", "hr", "input"}
DATA = "data:text/csv;charset=utf-8,"


class Reader(HTMLParser):
    """Collects elements, checks that they nest, and counts the cells of each row."""

    def __init__(self):
        super().__init__()
        self.open, self.elements, self.widths = [], [], []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.widths.append(0)
        if tag in ("td", "th"):
            self.widths[-1] += 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def html(tables_of) -> str:
    return render_report(STUDY, tables_of("small"), pl.DataFrame({"doc_id": ["a,b", 'c"d'], "nats": [1.5, None]}))


def downloads(html: str) -> dict[str, list[list[str]]]:
    """Name of a file -> its rows."""
    links = [attrs for attrs in read(html).all("a") if "download" in attrs]
    texts = {link["download"]: unquote(link["href"].removeprefix(DATA)) for link in links}
    return {name: list(csv.reader(io.StringIO(text, newline=""))) for name, text in texts.items()}


def test_nothing_is_fetched(html):
    reader = read(html)
    for _, attrs in reader.elements:
        for name in ("src", "href"):
            assert attrs.get(name, "#").startswith(("#", "data:"))
    assert [link["href"] for link in reader.all("link")] == ["data:,"]
    assert not re.search(r"@import|url\((?!#)|fetch\(|https?://", html)


def test_figures_are_inside_with_words_for_those_who_cannot_see_them(html):
    figures = read(html).all("svg")
    assert len(figures) == 7 * 2
    words = " ".join(figure["aria-label"] for figure in figures)
    for start in (
        "Regret of each calibration in bits",
        "Own language minus English in bits per byte. German",
        "Ceiling 0.9",
        "Local error with Swahili",
    ):
        assert start in words
    assert all(re.search(r"[0-9]", figure["aria-label"]) for figure in figures)
    assert html.count('<caption class="unseen">Perplexity over the dense model&#39;s') == 2


def test_marks_tell_the_exact_numbers(html, tables_of):
    row = tables_of("small")["effects"].filter(method="wanda", own="sw", other="en").row(0, named=True)
    minus = "\N{MINUS SIGN}"
    assert f"{row['difference']:+.4f} bits per byte".replace("-", minus) in html
    assert f"{row['low']:+.4f} to {row['high']:+.4f}".replace("-", minus) in html
    cell = tables_of("small")["mean_matrix"].filter(method="wanda", calibration="en", language="de").row(0, named=True)
    span = f"(seeds {cell['ratio_to_dense_min']:.4f} to {cell['ratio_to_dense_max']:.4f})"
    assert f"{cell['ratio_to_dense']:.4f} times the dense perplexity {span}" in html


def test_ids_are_unique_and_every_reference_leads_somewhere(html):
    names = [attrs["id"] for _, attrs in read(html).elements if "id" in attrs]
    assert len(names) == len(set(names))
    links = re.findall(r'(?:href="|url\()#([^")]+)', html)
    assert set(links) <= set(names)


def test_every_table_is_there_as_csv(html, tables_of):
    files = downloads(html)
    shown = re.findall(r'<div class="table" id="table-(\w+)">(.*?)</table>', html, flags=re.S)
    assert len(shown) == 16
    assert not {name for name, _ in shown} & set(contents())
    for name, table in shown:
        rows = files[f"default-{name}.csv"]
        # As many rows as are shown, and of each its sorting values, in full precision.
        shown_rows = re.findall(r"<tr><td.*?</tr>", table)
        assert len(rows) == len(shown_rows) + 1
        for cells, shown_row in zip(rows[1:], shown_rows, strict=True):
            assert set(re.findall(r'data-value="([^"]*)"', shown_row)) <= {*cells}
    effects = tables_of("small")["effects"]
    last = dict(zip(*(files["default-every_language.csv"][i] for i in (0, -1)), strict=True))
    assert float(last["low"]) == effects.filter(method=last["method"], own=last["own"], other=last["other"])["low"][0]


def test_every_file_of_the_study_is_listed_and_small_ones_are_in_the_page(tables_of, page_of):
    tables, found = tables_of("controls"), downloads(page_of("controls"))
    files = {name.removeprefix("default-").removesuffix(".csv"): rows for name, rows in found.items()}
    assert files["perplexity"] == [["doc_id", "nats"], ["a,b", "1.5"], ['c"d', ""]]
    assert set(files) > {*tables, "perplexity"}
    assert len(files["matrix"]) == tables["matrix"].height + 1
    assert {*tables, *tables_of("two seeds of tasks"), *simulate_inside(), "perplexity"} == set(contents())


def test_a_large_file_is_named_instead():
    table = pl.DataFrame({"text": ["x" * 100] * 20_000})
    assert frame_link(table) is None
    assert frame_link(table.head(10)) is not None


def test_csv_is_that_of_rfc_4180():
    text = csv_text(["a", "b"], [["x,y", 'say "z"'], [0.1 + 0.2, None], ["two\nlines", "ü"]])
    assert text == 'a,b\r\n"x,y","say ""z"""\r\n0.30000000000000004,\r\n"two\nlines",ü\r\n'
    link = csv_link(["a"], [['ü#%&"<']])
    assert re.fullmatch(r"data:text/csv;charset=utf-8,[A-Za-z0-9%,._/():+~-]+", link)


def test_the_answer_comes_first(html):
    assert html.index(TITLE) < html.index('class="answer"') < html.index("What was found") < html.index("<figure>")
    assert html.count("How to read this") == 9


def test_provenance_is_stated(html):
    for words in ("tiny", "its terms", "abc123", "CC0-1.0", "torch 2.13.0", "snakemake --cores all", "20 variants"):
        assert words in html


def test_durations_are_stated_or_said_to_be_missing(html, tables_of):
    assert "there were no timings when this page was written" in html
    durations = summarise_jobs([Job("prune_model", "tiny/wanda", 40.0), Job("draw_figures", "default", 3.0)])
    text = render_report(STUDY | {"durations": durations}, tables_of("one language"))
    assert "took 43 s in all" in text
    assert "prune_model of tiny/wanda (40 s); draw_figures of default (3 s)" in text
    assert "no timings" not in text


def test_the_setup_is_stated_in_the_given_order(tables_of):
    setup = {"Evaluation": "windows of 512 tokens, protocol document", "Calibration": "8 windows <packed>"}
    html = render_report(STUDY | {"setup": setup}, tables_of("one language"))
    provenance = html[html.index('id="provenance"') :]
    evaluation = "<dt>Evaluation</dt><dd>windows of 512 tokens, protocol document</dd>"
    assert provenance.index(evaluation) < provenance.index("<dt>Calibration</dt><dd>8 windows &lt;packed&gt;</dd>")


def test_methods_are_true_of_both_protocols(html):
    methods = html[html.index('id="methods"') : html.index('id="provenance"')]
    document, published = methods.index("protocol “document”"), methods.index("protocol “published”")
    assert document < methods.index("start token before each of its windows") < published
    assert "nats per token" in methods[published:]


def test_tables_of_windows_state_their_unit(bare_page_of):
    html = bare_page_of("published")
    for words in (
        "difference (nats per token)",
        "own better on windows",
        "nats per token lost against the calibrations that other windows",
    ):
        assert words in html
    assert "difference (bits per byte)" not in html
    assert 'data-value="nan"' not in html.lower()


def test_rows_of_a_table_are_as_wide_as_its_head(html):
    body = re.findall(r"<table aria-label.*?</table>", html, flags=re.S)
    assert len(body) == 16
    for table in body:
        assert len(set(read(table).widths)) == 1


def test_tables_sort_by_numbers_not_by_their_text(html):
    numbers = [attrs for attrs in read(html).all("td") if attrs.get("class") == "number"]
    cells = [attrs["data-value"] for attrs in numbers if "data-value" in attrs]
    assert len(cells) > 100
    assert all(float(cell) == float(cell) for cell in cells)


def test_equal_inputs_give_equal_text(tables_of):
    assert render_report(STUDY, tables_of("one language")) == render_report(STUDY, tables_of("one language"))


def test_the_page_itself_never_scrolls_sideways(html):
    assert 'name="viewport"' in html
    for table in re.finditer("<table", html):
        assert '<div class="wide"' in html[: table.start()].rsplit("</div>", 1)[-1]


def test_names_are_escaped(tables_of):
    text = render_report(STUDY | {"name": "<script>alert(1)</script>"}, tables_of("one language"))
    assert "<script>alert" not in text


def test_every_study_can_be_reported(any_study, bare_page_of):
    text = bare_page_of(any_study)
    assert len(read(text).all("table")) >= 3
    assert not re.search(r"\bnan\b|\bNone\b(?! of this)", text)


def test_what_is_missing_is_said(tables_of):
    assert render_report({}, tables_of("one language")).count("not stated") >= 3


def test_captions_are_plain_restructuredtext():
    core = pytest.importorskip("docutils.core")
    for path in HERE.rglob("*.rst"):
        core.publish_string(path.read_text(), settings_overrides={"halt_level": 2, "report_level": 2})
        assert "{" not in path.read_text(), "snakemake renders captions with Jinja"
    assert {path.stem for path in HERE.rglob("*.rst")} == {
        *NAMES,
        "cloze_matrix",
        "divergence_matrix",
        "task_matrix",
        "report",
    }
    assert all(caption(name)[1].startswith("How to read this: ") for name in NAMES)


def test_all_that_the_page_is_made_of_counts_as_code():
    data = {path for path in HERE.rglob("*") if path.suffix in {".j2", ".css", ".js", ".rst"}}
    modules = [page, *(import_module(f"workflow_scripts.{name}") for name in section_modules())]
    named = [Path(module.__file__).parent / entry for module in modules for entry in module.PACKAGE_DATA]
    # Only `snakemake --report` shows the caption of the report itself.
    assert sorted(data - {HERE / "report.rst"}) == sorted(named)


def test_headings_go_down_one_level_at_a_time(html):
    levels = [int(tag[1]) for tag, _ in read(html).elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_script_is_short():
    assert len((HERE / "report.js").read_text().splitlines()) < 120
