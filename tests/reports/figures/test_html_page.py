import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib import image

from macbdf_mm.reports.figures import html_page as html
from macbdf_mm.reports.figures.theme import DARK, LIGHT, new_figure

_VOID = {"meta", "img", "source"}


class _Checker(HTMLParser):
    """Fails on tags that are not closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.text = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def _read(document):
    checker = _Checker()
    checker.feed(document)
    assert checker.open == []
    return " ".join(checker.text)


def test_page_is_well_formed_and_needs_no_other_file():
    blocks = [
        html.banner("careful"),
        html.tiles([("0.9", "AUC")]),
        html.section("A heading", "a note", html.table(["a", "b"], [["1", "2"]])),
        html.side_by_side(html.paragraph("left"), html.preformatted("x  y")),
        html.picture(lambda theme: new_figure(theme, 1, 1), "a picture"),
    ]
    document = html.page("A title", "a lead", blocks)
    words = _read(document)
    for expected in ("A title", "a lead", "careful", "0.9", "A heading", "a note", "left", "x  y"):
        assert expected in words
    assert not re.search(r"""(src|href|srcset)=["'](?!data:)""", document)
    assert "url(" not in document


def test_text_is_escaped():
    evil = "<script>alert('x')</script>"
    for block in (
        html.page(evil, evil, []),
        html.section(evil, evil),
        html.banner(evil),
        html.tiles([(evil, evil)]),
        html.table([evil], [[evil]]),
        html.preformatted(evil),
        html.paragraph(evil),
        html.picture(lambda theme: new_figure(theme, 1, 1), '"><script>'),
    ):
        assert "<script>" not in block


def test_a_picture_has_a_light_and_a_dark_version():
    block = html.picture(lambda theme: new_figure(theme, 1, 1), "empty")
    dark, light = (
        image.imread(io.BytesIO(base64.b64decode(code)))[0, 0, :3]
        for code in re.findall(r"base64,([A-Za-z0-9+/=]+)", block)
    )
    for pixel, theme in ((dark, DARK), (light, LIGHT)):
        expected = [int(theme.paper[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        np.testing.assert_allclose(pixel, expected, atol=1 / 255)


def test_rows_must_fit_the_headers():
    with pytest.raises(ValueError, match="Expected rows of 2 cells, got 1"):
        html.table(["a", "b"], [["1"]])
