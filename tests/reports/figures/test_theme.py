import io
import subprocess
import sys
import warnings
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib import image
from matplotlib.colors import to_hex

from macbdf_mm.reports.figures.theme import (
    DARK,
    LIGHT,
    add_legend,
    add_legend_above,
    new_figure,
    plain_text,
    style_axes,
    to_png,
)


def _luminance(colour):
    """Relative luminance of WCAG 2."""
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.03928, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _contrast(a, b):
    high, low = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_text_and_lines_can_be_read_on_the_paper(theme):
    # WCAG 2: 4.5 for text, 3 for graphics.
    assert _contrast(theme.ink, theme.paper) >= 4.5
    assert _contrast(theme.muted, theme.paper) >= 4.5
    for colour in (theme.overall, theme.video, theme.audio, theme.real, theme.fake):
        assert _contrast(colour, theme.paper) >= 3


def test_each_track_has_its_own_colour():
    assert len({LIGHT.of(track) for track in ("overall", "video", "audio")}) == 3


def test_unknown_track_is_refused():
    with pytest.raises(ValueError, match=r"Expected `track` in .*'face'"):
        LIGHT.of("face")


def test_png_has_the_size_and_the_paper_of_the_figure():
    figure = new_figure(DARK, 2.0, 1.0)
    pixels = image.imread(io.BytesIO(to_png(figure, dots_per_inch=50)))
    assert pixels.shape[:2] == (50, 100)
    expected = [int(DARK.paper[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    np.testing.assert_allclose(pixels[0, 0, :3], expected, atol=1 / 255)


def test_legends_and_titles_are_in_the_theme_s_ink():
    figure = new_figure(DARK, 4, 3)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], label="a")
    style_axes(axes, DARK, title="A title", xlabel="x", ylabel="y")
    for add in (add_legend, add_legend_above):
        add(axes, DARK)
        assert to_hex(axes.get_legend().get_texts()[0].get_color()) == DARK.ink
    assert axes.get_title(loc="left") == "A title"


def test_drawing_leaves_pyplot_alone():
    before = dict(matplotlib.rcParams)
    to_png(new_figure(LIGHT, 1, 1))
    assert dict(matplotlib.rcParams) == before


def test_no_figure_and_no_page_loads_torch():
    package = Path(__file__).parents[3] / "macbdf_mm"
    modules = [
        ".".join(path.relative_to(package.parent).with_suffix("").parts)
        for path in sorted((package / "reports").rglob("*.py"))
    ]
    assert "macbdf_mm.reports.figures.theme" in modules
    code = (
        "import importlib, sys\n"
        f"for name in {modules}: importlib.import_module(name)\n"
        "from macbdf_mm.reports.figures.theme import LIGHT, new_figure, to_png\n"
        "to_png(new_figure(LIGHT, 1, 1))\n"
        "sys.exit('torch' in sys.modules)"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", [r"$\nothing$.mp4", "a\x1b[2Jb\n", "\udcff", r"\$$x$"])
def test_names_in_a_figure_are_no_formulas_and_no_signs(name):
    figure = new_figure(LIGHT, 2, 2)
    axes = figure.subplots()
    style_axes(axes, LIGHT, title=name)
    axes.plot([0, 1], label=plain_text(name))
    axes.set_yticks([0], [plain_text(name)])
    add_legend(axes, LIGHT)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert to_png(figure)


def test_a_dollar_is_drawn_as_one():
    figure = new_figure(LIGHT, 2, 1)
    figures = []
    for text, is_math in ((plain_text("5$ or $6"), True), ("5$ or $6", False)):
        figure.clear()
        figure.text(0, 0.5, text, parse_math=is_math)
        figures.append(to_png(figure))
    assert figures[0] == figures[1]
