"""Matplotlib figures as SVG with words at their marks: for files, and within a page."""

import html
import io
import re

from matplotlib import rc_context, style
from matplotlib.artist import Artist
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "polyprune",
}
# A user's own matplotlibrc must not change an artifact.
styled = style.context(["default", STYLE])
MARK = "mark: "
# Each attribute by which one element of an SVG refers to another.
REFERENCES = (' id="', "url(#", 'href="#')


def describe_mark(artist: Artist, text: str) -> None:
    """Give an artist words that show when one points at it; they end as its `title` in the SVG."""
    # matplotlib writes a group id into the SVG as it is, escaped, and has no other way to say something of an artist.
    artist.set_gid(MARK + text)


def svg_text(figure: Figure) -> str:
    """The figure as SVG without a date, described artists as groups of class `mark` with a `title`."""
    buffer = io.StringIO()
    dpi = figure.dpi
    # The canvas lays the figure out and draws it; `savefig` would draw it once more before.
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
    figure.dpi = dpi
    return re.sub(
        rf'<g id="{MARK}([^"]*)">', r'<g class="mark" pointer-events="all"><title>\1</title>', buffer.getvalue()
    )


@styled
def inline_svg(figure: Figure, prefix: str, words: str) -> str:
    """The figure as an SVG element for a page.

    Args:
        figure: the figure.
        prefix: stands before all ids, so that those of two figures in one page do not clash.
        words: what the figure says, for those who cannot see it.
    """
    with rc_context({"svg.fonttype": "none"}):
        text = svg_text(figure)
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = text.replace("xlink:href", "href")
    for reference in REFERENCES:
        text = text.replace(reference, reference + prefix)
    width, box = (re.search(rf'{name}="([^"]*?)(?:pt)?"', text)[1] for name in ("width", "viewBox"))
    body = re.sub(r"\n\s*", "\n", text[text.index(">") + 1 :]).strip()
    # The figure is as wide as it was drawn where there is room, and no wider than the page elsewhere.
    opening = f'<svg viewBox="{box}" style="width: {width}pt" role="group" aria-label="{html.escape(words)}">'
    return opening + body
