import base64
import io
import re

import numpy as np
import pytest
from jinja2 import UndefinedError
from matplotlib import image

from macbdf_mm.reports.figures.theme import DARK, LIGHT, new_figure
from macbdf_mm.reports.page import Picture, render_page, write_page


def test_a_field_that_a_template_does_not_get_is_an_error():
    with pytest.raises(UndefinedError, match="'title' is undefined"):
        render_page("page.html.j2")


def test_text_is_escaped(read_page):
    evil = "<script>alert('x')</script>\n\"&"
    document = render_page("page.html.j2", title=evil)
    assert "<script>" not in document
    page = read_page(document)
    # As the window's title and as the heading.
    assert page.text.count("<script>alert('x')</script> \"&") == 2


def test_a_page_needs_no_other_file():
    document = render_page("page.html.j2", title="a page")
    assert document.startswith("<!doctype html>\n")
    assert document.endswith("</html>\n")
    assert "prefers-color-scheme: dark" in document
    assert not re.search(r"""(src|href|srcset)=["'](?!data:)|url\(""", document)


def test_a_picture_has_a_light_and_a_dark_version():
    picture = Picture(lambda theme: new_figure(theme, 2, 1), "empty")
    assert (picture.width, picture.description) == (172, "empty")
    for url, theme in ((picture.dark, DARK), (picture.light, LIGHT)):
        kind, _, code = url.partition(",")
        assert kind == "data:image/png;base64"
        pixel = image.imread(io.BytesIO(base64.b64decode(code)))[0, 0, :3]
        expected = [int(theme.paper[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        np.testing.assert_allclose(pixel, expected, atol=1 / 255)


def test_a_name_that_is_not_utf_8_can_be_shown(tmp_path, read_page):
    path = write_page(tmp_path / "new" / "page.html", "page.html.j2", title="clip_\udcff.mp4")
    assert read_page(path.read_text(encoding="utf-8")).text.count("clip_\\udcff.mp4") == 2
