"""One self-contained HTML page: pictures inside the file, readable on light and dark screens."""

import base64
from collections.abc import Callable, Sequence
from html import escape

from matplotlib.figure import Figure

from macbdf_mm.reports.figures.theme import DARK, LIGHT, Theme, to_png

# Width on the page of what is an inch on paper; the files have more pixels, for sharp screens.
_PIXELS_PER_INCH = 86
_STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --page: #f4f5f8; --ink: #1d2430;
  --muted: #667085; --line: #e4e7ec; --accent: #6c4bb6; --warn-bg: #fff4e0; --warn-ink: #7a4a00;
  --warn-line: #f0b64f; }
@media (prefers-color-scheme: dark) { :root { --paper: #171c26; --page: #0f131a; --ink: #e6e9ef;
  --muted: #98a2b3; --line: #2b3342; --accent: #b79bf2; --warn-bg: #33270f; --warn-ink: #ffd796;
  --warn-line: #8a6420; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 6px; }
h2 { font-size: 19px; margin: 0 0 4px; }
p { margin: 6px 0 12px; max-width: 76ch; }
.lead, .note { color: var(--muted); }
.banner { background: var(--warn-bg); color: var(--warn-ink); border: 1px solid var(--warn-line);
  border-radius: 10px; padding: 12px 16px; margin: 18px 0; max-width: none; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 14px;
  margin: 18px 0; }
.tile, section { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; }
.tile { padding: 14px 16px; }
.tile b { display: block; font-size: 30px; line-height: 1.15; }
.tile span { color: var(--muted); font-size: 13px; }
section { padding: 18px 20px; margin: 18px 0; overflow-x: auto; }
img { display: block; max-width: 100%; height: auto; margin: 8px 0; }
table { border-collapse: collapse; margin: 8px 0 4px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
th { color: var(--muted); font-weight: 600; font-size: 13px; }
code, pre { font: 13px/1.5 ui-monospace, Menlo, Consolas, monospace; }
pre { background: var(--page); border-radius: 8px; padding: 10px 12px; overflow-x: auto; }
.row { display: flex; flex-wrap: wrap; gap: 8px 36px; align-items: flex-start; }
.row > * { min-width: 0; }
"""


def page(title: str, lead: str, body: Sequence[str]) -> str:
    """Return a whole HTML document.

    Args:
        title: Plain text, the heading and the window's title.
        lead: Plain text under the heading.
        body: HTML blocks, made by the other functions here.
    """
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<h1>{escape(title)}</h1>\n<p class="lead">{escape(lead)}</p>\n'
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def section(heading: str, note: str, *blocks: str) -> str:
    """Return a card with a heading, an explaining sentence and HTML blocks."""
    words = f'<p class="note">{escape(note)}</p>\n' if note else ""
    return f"<section>\n<h2>{escape(heading)}</h2>\n{words}" + "\n".join(blocks) + "\n</section>"


def paragraph(text: str) -> str:
    """Return a paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def banner(text: str) -> str:
    """Return a warning across the page."""
    return f'<p class="banner"><strong>{escape(text)}</strong></p>'


def tiles(items: Sequence[tuple[str, str]]) -> str:
    """Return a row of (large value, small explanation) tiles."""
    cells = [
        f"<div class='tile'><b>{escape(v)}</b><span>{escape(e)}</span></div>" for v, e in items
    ]
    return '<div class="tiles">\n' + "\n".join(cells) + "\n</div>"


def side_by_side(*blocks: str) -> str:
    """Return HTML blocks that share a line where the screen is wide enough."""
    return '<div class="row">\n' + "\n".join(f"<div>{block}</div>" for block in blocks) + "\n</div>"


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an HTML table of plain-text cells.

    Raises:
        ValueError: If a row has another length than ``headers``.
    """
    for row in rows:
        if len(row) != len(headers):
            raise ValueError(f"Expected rows of {len(headers)} cells, got {len(row)}: {row}.")
    head = "".join(f"<th>{escape(cell)}</th>" for cell in headers)
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def preformatted(text: str) -> str:
    """Return text in a fixed-width block, as typed."""
    return f"<pre>{escape(text)}</pre>"


def picture(draw: Callable[[Theme], Figure], description: str) -> str:
    """Return a figure inside the page, drawn once for light screens and once for dark ones.

    Args:
        draw: Makes the figure in the colours it is given.
        description: Plain text for readers who cannot see the picture.
    """
    figures = [draw(theme) for theme in (LIGHT, DARK)]
    light, dark = (_data_url(to_png(figure)) for figure in figures)
    width = round(figures[0].get_figwidth() * _PIXELS_PER_INCH)
    return (
        f'<picture><source srcset="{dark}" media="(prefers-color-scheme: dark)">'
        f'<img src="{light}" width="{width}" alt="{escape(description, quote=True)}"></picture>'
    )


def _data_url(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
