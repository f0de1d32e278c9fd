"""The report: one file, all figures and tables in it, safe, and equal every time."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from workflow_scripts.reporting import figures
from workflow_scripts.reporting.report import HERE, TITLE, TITLES, caption, render_report

STUDY = {
    "name": "default",
    "variants": 20,
    "command": "snakemake --cores all",
    "models": [{"name": "tiny", "source": "a package", "licence": "its terms", "revision": "abc123"}],
    "corpora": [{"name": "embedded", "source": "ours", "licence": "CC0-1.0"}],
    "versions": {"torch": "2.13.0", "polyprune": "0.1.0"},
}
VOID = {"meta", "img", "link", "br", "hr", "input"}


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
def drawn(tables_of, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("figures")
    made = figures.draw(tables_of("small"))
    for name, figure in made.items():
        figures.save(figure, folder / name)
    return {name: folder / f"{name}.svg" for name in made}


@pytest.fixture(scope="module")
def html(tables_of, drawn) -> str:
    return render_report(STUDY, tables_of("small"), drawn)


def test_nothing_is_fetched(html):
    reader = read(html)
    for _, attrs in reader.elements:
        for name in ("src", "href"):
            assert attrs.get(name, "#").startswith(("#", "data:"))
    assert not reader.all("link")
    assert not re.search(r"@import|url\(|fetch\(|https?://", html)


def test_figures_are_inside_with_words_for_those_who_cannot_see_them(html, drawn):
    images = read(html).all("img")
    inside = [base64.b64decode(image["src"].split(",")[1]) for image in images]
    assert inside == [drawn[name].read_bytes() for name in TITLES]
    assert all(len(image["alt"]) > 40 for image in images)


def test_the_answer_comes_first(html):
    assert html.index(TITLE) < html.index('class="answer"') < html.index("What was found") < html.index("<figure>")
    assert html.count("How to read this") == 4


def test_provenance_is_stated(html):
    for words in ("tiny", "its terms", "abc123", "CC0-1.0", "torch 2.13.0", "snakemake --cores all", "20 variants"):
        assert words in html


def test_the_setup_is_stated_in_the_given_order(tables_of):
    setup = {"Evaluation": "windows of 512 tokens, protocol document", "Calibration": "8 windows <packed>"}
    html = render_report(STUDY | {"setup": setup}, tables_of("small"), {})
    provenance = html[html.index('id="provenance"') :]
    evaluation = "<dt>Evaluation</dt><dd>windows of 512 tokens, protocol document</dd>"
    assert provenance.index(evaluation) < provenance.index("<dt>Calibration</dt><dd>8 windows &lt;packed&gt;</dd>")


def test_methods_are_true_of_both_protocols(html):
    methods = html[html.index('id="methods"') : html.index('id="provenance"')]
    document, published = methods.index("protocol “document”"), methods.index("protocol “published”")
    assert document < methods.index("start token before each of its windows") < published
    assert "nats per token" in methods[published:]


def test_tables_of_windows_state_their_unit(tables_of):
    html = render_report(STUDY, tables_of("published"), {})
    for words in ("difference (nats per token)", "own better on windows", "Nats per token lost against"):
        assert words in html
    assert "difference (bits per byte)" not in html
    assert 'data-value="nan"' not in html.lower()


def test_rows_of_a_table_are_as_wide_as_its_head(html):
    body = re.findall(r"<table.*?</table>", html, flags=re.S)
    assert len(body) == 8
    for table in body:
        assert len(set(read(table).widths)) == 1


def test_tables_sort_by_numbers_not_by_their_text(html):
    cells = [attrs["data-value"] for attrs in read(html).all("td") if attrs.get("class") == "number"]
    assert len(cells) > 100
    assert all(float(cell) == float(cell) for cell in cells)


def test_equal_inputs_give_equal_text(html, tables_of, drawn):
    assert render_report(STUDY, tables_of("small"), drawn) == html


def test_the_page_itself_never_scrolls_sideways(html):
    assert 'name="viewport"' in html
    for table in re.finditer("<table|<img", html):
        assert '<div class="wide"' in html[: table.start()].rsplit("</div>", 1)[-1]


def test_names_are_escaped(tables_of):
    text = render_report(STUDY | {"name": "<script>alert(1)</script>"}, tables_of("small"), {})
    assert "<script>alert" not in text


def test_every_study_can_be_reported(any_tables):
    reader = read(render_report({"name": "bare", "models": [{"name": "m"}]}, any_tables, {}))
    assert len(reader.all("table")) >= 3
    assert not reader.all("img")


def test_what_is_missing_is_said(tables_of):
    assert render_report({}, tables_of("small"), {}).count("not stated") >= 3


def test_captions_are_plain_restructuredtext():
    core = pytest.importorskip("docutils.core")
    for path in (HERE / "captions").glob("*.rst"):
        core.publish_string(path.read_text(), settings_overrides={"halt_level": 2, "report_level": 2})
        assert "{" not in path.read_text(), "snakemake renders captions with Jinja"
    assert {path.stem for path in (HERE / "captions").glob("*.rst")} == {*TITLES, "report"}
    assert all(caption(name)[1].startswith("How to read this: ") for name in TITLES)


def test_the_sorting_script_is_short():
    script = (HERE / "template.html.j2").read_text().split("<script>")[1].split("</script>")[0]
    assert len(script.strip().splitlines()) < 25
