"""Self-contained HTML pages: templates, filled with text, tables and pictures."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from macbdf_mm.reports.figures.theme import DARK, LIGHT, Theme, to_png
from macbdf_mm.utils.files import write_atomically

# Width on the page of what is an inch on paper; the files have more pixels, for sharp screens.
_PIXELS_PER_INCH = 86


@dataclass(frozen=True)
class Picture:
    """A figure as a page holds it.

    Attributes:
        light: Data URL of the picture for light screens.
        dark: The same for dark ones.
        width: On the page, in pixels.
        description: Plain text for readers who cannot see the picture.
    """

    light: str
    dark: str
    width: int
    description: str


def make_picture(draw: Callable[[Theme], Figure], description: str) -> Picture:
    """Return a figure for a page, drawn once for light screens and once for dark ones.

    Args:
        draw: Makes the figure in the colours it is given.
        description: Plain text for readers who cannot see the picture.
    """
    light, dark = draw(LIGHT), draw(DARK)
    return Picture(
        light=_data_url(to_png(light)),
        dark=_data_url(to_png(dark)),
        width=round(light.get_figwidth() * _PIXELS_PER_INCH),
        description=description,
    )


def write_page(path: str | Path, template: str, **fields: Any) -> Path:
    """Return the path of the HTML page that was written.

    Names that are not UTF-8 are written with escapes; other arguments as of :func:`render_page`.
    """
    page = render_page(template, **fields)
    write_atomically(page.encode("utf-8", errors="backslashreplace"), path)
    return Path(path)


def render_page(template: str, **fields: Any) -> str:
    """Return the HTML document that a template makes of its fields.

    All text is escaped, so names from data sets and files cannot change the page.

    Args:
        template: Name of a file in ``templates``, as ``run.html.j2``.
        **fields: What the template shows; one that it does not find is an error.
    """
    return _environment().get_template(template).render(**fields)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("macbdf_mm.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _data_url(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
