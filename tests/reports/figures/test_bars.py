import pytest
from matplotlib.colors import to_hex

from macbdf_mm.prepare.audit.shortcut_probes import NUM_STANDARD_ERRORS, Question, ShortcutProbe
from macbdf_mm.reports.figures.bars import (
    OperatorScore,
    draw_operator_bars,
    draw_probe_bars,
)
from macbdf_mm.reports.figures.theme import DARK, LIGHT, to_png

FIGURES = {"auc": 0.9, "auc_low": 0.8, "auc_high": 0.95}
KNOWN = OperatorScore("mouth_swap", "video", 20, FIGURES, 0.7, is_held_out=False)
FIGURES = {"auc": 0.6, "auc_low": 0.5, "auc_high": 0.7}
HELD_OUT = OperatorScore("word_splice", "audio", 10, FIGURES, 0.4, is_held_out=True)


def test_names_of_methods_are_no_formulas():
    odd = OperatorScore("$\\nothing$\n", "video", 20, FIGURES, 0.7, is_held_out=False)
    figure = draw_operator_bars([odd])
    assert figure.axes[0].get_yticklabels()[0].get_text() == r"\$\nothing\$\n"
    assert to_png(figure)


def test_bars_are_as_long_as_the_auc_and_held_out_ones_are_marked():
    axes = draw_operator_bars([KNOWN, HELD_OUT]).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [0.9, 0.6]
    assert [bar.get_hatch() for bar in axes.patches] == [None, "////"]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["mouth_swap", "word_splice (held out)"]
    intervals = [list(line.get_xdata()) for line in axes.get_lines()[:2]]
    assert intervals == [[0.8, 0.95], [0.5, 0.7]]


def test_the_first_operator_stands_on_top():
    low, high = draw_operator_bars([KNOWN, HELD_OUT]).axes[0].get_ylim()
    assert low > high


def probe(feature, auc, half_width):
    return ShortcutProbe(feature, Question("fake"), auc, half_width / NUM_STANDARD_ERRORS, 30, 30)


BARS = [
    probe("codec", 0.95, 0.02),
    probe("duration", 0.7, 0.1),
    probe("loudness", 0.45, 0.1),
    probe("tracks", float("nan"), float("nan")),
]


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_bars_begin_at_chance_and_have_the_colour_of_their_verdict(theme):
    axes = draw_probe_bars(BARS, "title", theme).axes[0]
    ends = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches]
    assert ends == [pytest.approx(pair) for pair in ((0.5, 0.95), (0.5, 0.7), (0.5, 0.45))]
    colours = [to_hex(bar.get_facecolor()) for bar in axes.patches]
    assert colours == [theme.fake, theme.audio, theme.real]
    assert axes.get_title(loc="left") == "title"


def test_whiskers_stay_on_the_picture():
    bars = [probe("a", 0.95, 0.3), BARS[1], probe("b", 0.4, 0.3)]
    axes = draw_probe_bars(bars, "").axes[0]
    whiskers = [line.get_xdata() for line in axes.get_lines() if len(set(line.get_ydata())) == 1]
    assert [list(ends) for ends in whiskers] == [
        pytest.approx([0.65, 1.0]), pytest.approx([0.6, 0.8]), pytest.approx([0.3, 0.7]),
    ]  # fmt: skip


def test_the_first_stands_on_top_and_an_unknown_one_says_why():
    axes = draw_probe_bars(BARS, "").axes[0]
    low, high = axes.get_ylim()
    assert low > high
    assert [label.get_text() for label in axes.get_yticklabels()] == [bar.feature for bar in BARS]
    assert [text.get_text() for text in axes.texts] == ["0.95", "0.70", "0.45", "too few clips"]


def test_no_bars_are_an_empty_picture():
    assert len(draw_probe_bars([], "").axes[0].patches) == 0
