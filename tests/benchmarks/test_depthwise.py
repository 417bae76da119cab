import pytest

from benchmarks import depthwise
from benchmarks.conv_case import ConvCase
from benchmarks.depthwise import lowest_row, measure_depthwise
from benchmarks.passes import forward_call
from benchmarks.settings import Settings

TINY = ConvCase(1, 3, (2, 3, 4), 3)


def test_all_goals_are_answered_by_rows(
    tiny_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = [TINY._replace(dilation=dilation) for dilation in (1, 2)]
    monkeypatch.setattr(depthwise, "block_set", lambda *_: tiny)
    monkeypatch.setattr(depthwise, "all_cases", lambda: [TINY])
    rows = list(measure_depthwise(tiny_settings))
    goals = [row.goal for row in rows if row.goal]
    assert goals == ["depthwise_set", "dilated_2d", "forward_dilation_1", "never_slower"]
    assert all(row.ratio > 0 for row in rows)


def test_lowest_ratio_is_measured_again_and_named(
    tiny_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = TINY._replace(channels=5)
    measured = []

    def fake_row(what, setting, cases, settings, goal=None, maker=None, num_rounds=None):
        measured.append((cases[0], num_rounds or settings.num_rounds))
        row = depthwise.Row(what, setting, "", "ms", 1, 1, 0.5 if slow in cases else 2, 0, 0, 1)
        return row

    monkeypatch.setattr(depthwise, "comparison_row", fake_row)
    row = lowest_row("what", [TINY, slow], tiny_settings, "never_slower", [forward_call])
    assert row.ratio == 0.5
    assert row.setting == f"{slow}, forward"
    rounds = [num for case, num in measured if case == slow]
    assert rounds[0] < rounds[1] < rounds[2]
    assert measured[-1][0] == slow
