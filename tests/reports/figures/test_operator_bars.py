from macbdf_mm.reports.figures.operator_bars import OperatorScore, draw_operator_bars

KNOWN = OperatorScore("mouth_swap", "video", 20, 0.9, 0.8, 0.95, 0.7, is_held_out=False)
HELD_OUT = OperatorScore("word_splice", "audio", 10, 0.6, 0.5, 0.7, 0.4, is_held_out=True)


def test_bars_are_as_long_as_the_auc_and_held_out_ones_are_marked():
    axes = draw_operator_bars([KNOWN, HELD_OUT]).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [0.9, 0.6]
    assert [bar.get_hatch() for bar in axes.patches] == [None, "////"]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["mouth_swap", "word_splice (held out)"]


def test_the_first_operator_stands_on_top():
    low, high = draw_operator_bars([KNOWN, HELD_OUT]).axes[0].get_ylim()
    assert low > high
