"""The report in headless Chromium: offline, without errors, with a mouse, a keyboard, a phone and a printer."""

import csv
import os
import shutil
from itertools import pairwise

import pytest
from simulated_inside import simulate_inside

from workflow_scripts.reporting.page import render_report
from workflow_scripts.reporting.registry import SECTIONS

REQUIRED = os.environ.get("POLYPRUNE_REQUIRE_BROWSER") == "1"
FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
INSIDE = ("evaluation_errors", "subspaces", "neurons", "lape_entropies")
SOMETIMES = ("baselines", "cloze_effects", "task_effects", "questions_matrix", "fidelity_matrix", *INSIDE)
NAMES = [entry.name for entry in SECTIONS]
ALWAYS = [name for name in NAMES if name not in SOMETIMES]
WIDTHS = [360, 390, 768, 1200]


def missing(what: str):
    """Skip, or fail where a browser is required."""
    (pytest.fail if REQUIRED else pytest.skip)(f"{what} is missing (POLYPRUNE_REQUIRE_BROWSER=1 makes this a failure)")


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium with a profile of its own."""
    program = shutil.which("chromium") or missing("Chromium (apt-get install chromium)")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("The Python package playwright (envs/dev.txt)")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def files(tables_of, page_of, facts, tmp_path_factory):
    """Name of a simulated study -> its report as a file."""
    folder = tmp_path_factory.mktemp("pages")
    names = ("small", "large", "controls")
    for name in names:
        (folder / f"{name}.html").write_text(page_of(name), encoding="utf-8")
    inside = render_report(facts, tables_of("small") | simulate_inside(), None)
    (folder / "inside.html").write_text(inside, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in (*names, "inside")}


@pytest.fixture(scope="module")
def visit(browser, files):
    """A function that opens a report offline, and fails at the end on whatever went wrong in a page."""
    wrong, contexts = [], []

    def opened(name="small", width=1200, **options):
        options = {"viewport": {"width": width, "height": 800}, "offline": True, "accept_downloads": True} | options
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5000)
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("requestfailed", lambda request: wrong.append(request.url))
        allowed = ("file:", "data:")
        page.on("request", lambda request: request.url.startswith(allowed) or wrong.append(request.url))
        page.goto(files[name].as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture(scope="module")
def page(visit):
    """The small report on a desktop; what a test changes, it puts back."""
    return visit()


def column(page, table: str, index: int) -> list[str]:
    return page.eval_on_selector_all(
        f"#table-{table} tbody tr:not([hidden]) td:nth-child({index})", "cells => cells.map(cell => cell.dataset.value)"
    )


def test_it_opens_offline_with_all_sections(visit):
    page = visit()
    assert page.title().startswith("In which language")
    assert page.get_attribute("html", "lang") == "en"
    for section in ("found", "limits", *ALWAYS, "methods", "files", "provenance"):
        assert page.locator(f"section#{section} > h2").is_visible()
    assert page.locator("header, main, nav").count() == 3
    assert (
        page.evaluate("performance.getEntriesByType('resource').filter(r => !r.name.startsWith('data:')).length") == 0
    )


@pytest.mark.parametrize("name", ["small", "large", "controls", "inside"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_does_not_scroll_sideways(visit, name, width):
    page = visit(name, width)
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # What is too wide scrolls within its own box: nothing else reaches beyond the screen.
    beyond = """elements => elements.filter(e => e.getBoundingClientRect().right > innerWidth + 1
        && !e.parentElement.closest('.wide, pre, svg')).map(e => e.outerHTML.slice(0, 80))"""
    assert page.eval_on_selector_all("main *:not(.unseen)", beyond) == []


def test_a_table_sorts_by_click_and_by_keyboard(page):
    heading = page.locator("#table-own_language th").nth(3)
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    values = [float(value) for value in column(page, "own_language", 4)]
    assert values == sorted(values) and len(values) == 4
    heading.get_by_role("button").press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert [float(value) for value in column(page, "own_language", 4)] == sorted(values, reverse=True)
    page.locator("#table-own_language th").nth(1).get_by_role("button").press("Space")
    assert heading.get_attribute("aria-sort") is None
    assert column(page, "own_language", 2) == ["de", "de", "sw", "sw"]


def test_rows_without_a_value_come_last(page):
    page.locator("#table-ratios").evaluate("table => table.closest('details').open = true")
    cells = "#table-ratios tbody td:nth-child(3)"
    page.eval_on_selector(cells, "cell => { cell.dataset.value = '' }")
    for _ in range(2):
        page.locator("#table-ratios th").nth(2).get_by_role("button").click()
        assert column(page, "ratios", 3)[-1] == ""


def test_long_tables_filter(page):
    page.locator("#table-variants").evaluate("table => table.closest('details').open = true")
    box = page.locator("#table-variants input[type=search]")
    everything = len(column(page, "variants", 1))
    assert everything > 20
    box.fill("wanda swahili")
    shown = page.locator("#table-variants tbody tr:visible")
    assert 0 < shown.count() < everything
    assert all("Wanda" in text and "Swahili" in text for text in shown.all_inner_texts())
    assert page.locator("#table-variants output").inner_text() == f"{shown.count()} of {everything} rows"
    box.fill("")
    assert page.locator("#table-variants tbody tr:visible").count() == everything
    assert page.locator("#table-own_language input").count() == 0


def test_the_csv_is_the_table(page, tmp_path):
    for name in ("own_language", "regrets", "pairs"):
        with page.expect_download() as started:
            page.locator(f"#table-{name} a.csv").click()
        assert started.value.suggested_filename == f"default-{name}.csv"
        started.value.save_as(tmp_path / name)
        data = (tmp_path / name).read_bytes()
        assert data.count(b"\r\n") == data.count(b"\n")
        rows = list(csv.reader(data.decode("utf-8").splitlines()))
        shown = page.eval_on_selector_all(
            f"#table-{name} tbody tr", "rows => rows.map(row => [...row.cells].map(cell => cell.dataset.value))"
        )
        assert len(rows) == len(shown) + 1
        # Sorting in the page changes no file.
        rest = {tuple(sorted(set(row) - {""})) for row in rows[1:]}
        assert all(any(set(cells) - {""} <= set(row) for row in rest) for cells in shown)


def test_words_show_where_the_mouse_points(page):
    tip = page.locator("#tip")
    assert tip.is_hidden()
    for place, words in (
        ("#matrix .heat td.mark", "times the dense perplexity"),
        ("#effects svg .mark", "95\N{NO-BREAK SPACE}% interval"),
        ("#overlap_by_block svg .mark", "ceiling 0."),
        ("#overlap_by_module svg .mark", "floor 0."),
        ("#error_by_block svg .mark", "(seeds 0."),
    ):
        page.locator(place).first.hover()
        assert words in tip.inner_text()
        box = tip.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 1200
    page.mouse.move(0, 0)
    assert tip.is_hidden()


def test_words_show_where_the_focus_is_and_arrows_move_it(page):
    tip = page.locator("#tip")
    for figure in page.locator("svg, table.heat").all():
        # One stop of the tab key a figure.
        assert figure.locator(".mark[tabindex='0']").count() == 1
    first = page.locator("#overlap_by_block svg .mark").first
    first.focus()
    assert tip.inner_text().startswith("block 0")
    page.keyboard.press("ArrowRight")
    assert tip.inner_text().startswith("block 1")
    page.keyboard.press("Escape")
    assert tip.is_hidden()
    cell = page.locator("#matrix .heat td.mark").first
    cell.focus()
    assert tip.inner_text().startswith("German (de) on German (de)")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert tip.inner_text().startswith("English (en) on English (en)")
    assert page.evaluate("document.activeElement.getAttribute('aria-describedby')") == "tip"


def test_baselines_and_cloze_items_have_their_sections_and_words(visit):
    page = visit("controls")
    for section in set(NAMES) - {"task_effects", *INSIDE}:
        assert page.locator(f"section#{section} > h2").is_visible()
        assert page.locator(f"nav a[href='#{section}']").count() == 1
    tip = page.locator("#tip")
    for place, words in (
        ("#baselines svg .mark", "noise: random, of en"),
        ("#cloze_effects table.heat td.mark", "the dense model"),
        ("#cloze_effects svg .mark", "nats of margin"),
        ("#questions_matrix table.heat td.mark", "nats a gold answer"),
        ("#fidelity_matrix table.heat td.mark", "letters in the prompts' script"),
        ("#matrix .heat tr:has-text('sw-shuffled') td.mark", "sw-shuffled: shuffled, of sw"),
        ("table.overview tr:has-text('German') td.mark >> nth=-1", "40 items"),
    ):
        page.locator(place).first.hover()
        assert words in tip.inner_text()
    verdicts = page.locator("table.overview td.mark")
    verdicts.nth(1).focus()
    page.keyboard.press("ArrowDown")
    assert tip.inner_text().startswith("Swahili (sw) against English (en)")
    words = page.eval_on_selector_all("svg", "all => all.map(e => e.getAttribute('aria-label'))")
    assert len(words) == 18 and all(any(letter.isdigit() for letter in text) for text in words)


def test_what_is_inside_has_its_sections_and_words(visit):
    page = visit("inside")
    tip = page.locator("#tip")
    for name, words in (
        ("evaluation_errors", "signal to noise"),
        ("subspaces", "language-agnostic, own language"),
        ("neurons", "neurons, calibrated in"),
        ("lape_entropies", "dense model"),
        ("mask_clusters", "on average"),
    ):
        assert page.locator(f"section#{name} > h2, #{name} h2").first.is_visible()
        page.locator(f"#{name} svg .mark").first.focus()
        assert words in tip.inner_text()


def test_words_show_where_a_finger_touches(visit):
    page = visit(width=390, has_touch=True, is_mobile=True)
    page.locator("#effects svg .mark").first.tap()
    assert "95\N{NO-BREAK SPACE}% interval" in page.locator("#tip").inner_text()


def test_every_picture_has_words(page):
    words = page.eval_on_selector_all("svg, img", "all => all.map(e => e.getAttribute('aria-label') || e.alt)")
    assert len(words) == 14
    assert all(len(text) > 60 and any(letter.isdigit() for letter in text) for text in words)
    captions = page.eval_on_selector_all("table.heat caption", "all => all.map(e => e.textContent)")
    assert len(captions) == 4 and all("least with" in text for text in captions)
    named = page.eval_on_selector_all("svg .mark", "all => all.every(e => e.getAttribute('aria-label'))")
    assert named
    levels = page.eval_on_selector_all("h1, h2, h3, h4", "all => all.map(e => +e.tagName[1])")
    assert levels[0] == 1 and all(after - before <= 1 for before, after in pairwise(levels))


def test_on_paper_nothing_that_matters_is_folded_and_no_button_is_left(visit):
    page = visit("large")
    page.emulate_media(media="print")
    folded = page.locator("details.printed:not([open])").count()
    assert folded > 0
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details.printed:not([open])").count() == 0
    for section in ("found", "limits", *ALWAYS, "methods", "files", "provenance"):
        assert page.locator(f"section#{section} > h2").is_visible()
    assert page.locator("nav, .csv, input").locator("visible=true").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details.printed:not([open])").count() == folded


def test_it_prints_on_a4(visit):
    document = visit().pdf(prefer_css_page_size=True)
    assert document.startswith(b"%PDF")
    # 210 x 297 mm in points.
    assert b"/MediaBox [0 0 594.95" in document or b"/MediaBox [0 0 595" in document
    assert 4 < document.count(b"/Type /Page\n") < 25
