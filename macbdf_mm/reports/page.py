"""Self-contained HTML pages: templates, filled with text, tables and pictures."""

import base64
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from macbdf_mm.reports.figures.theme import DARK, LIGHT, Theme, to_png
from macbdf_mm.utils.counted import counted
from macbdf_mm.utils.files import write_atomically

# Width on the page of what is an inch on paper; the files have more pixels, for sharp screens.
_PIXELS_PER_INCH = 86


class Picture:
    """A figure for a page: two data URLs, for light screens and for dark ones, and its width.

    Args:
        draw: Makes the figure in the colours it is given.
        description: Plain text for readers who cannot see the picture.
    """

    def __init__(self, draw: Callable[[Theme], Figure], description: str) -> None:
        figure = draw(LIGHT)
        self.light, self.dark = _data_url(figure), _data_url(draw(DARK))
        self.width = round(figure.get_figwidth() * _PIXELS_PER_INCH)
        self.description = description


def write_page(path: str | Path, template: str, **fields: Any) -> Path:
    """Return the path of the HTML page that was written.

    Names that are not UTF-8 are written with escapes; other arguments as of :func:`render_page`.
    """
    page = render_page(template, **fields)
    write_atomically(page.encode("utf-8", errors="backslashreplace"), path)
    return Path(path)


def render_page(template: str, **fields: Any) -> str:
    """Return the HTML document that a template makes of its fields.

    All text is escaped, so names from data sets and files cannot change the page. Templates have
    the function :func:`~macbdf_mm.utils.counted.counted`.

    Args:
        template: Name of a file in ``templates``, as ``run.html.j2``.
        **fields: What the template shows; one that it does not find is an error.
    """
    return _environment().get_template(template).render(**fields)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("macbdf_mm.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["counted"] = counted
    return environment


def _data_url(figure: Figure) -> str:
    return "data:image/png;base64," + base64.b64encode(to_png(figure)).decode("ascii")
