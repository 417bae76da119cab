import pytest
import torch

from benchmarks import depthwise
from benchmarks.calls import forward_call
from benchmarks.depthwise import (
    BLOCK_WIDTH,
    ConvCase,
    all_cases,
    block_set,
    lowest_row,
    measure_depthwise,
    random_map,
)
from benchmarks.rows import Row
from benchmarks.settings import Settings
from macbdf_mm.models.layers.mstlka_block import MSTLKABlock
from macbdf_mm.ops import DepthwiseConv3d

TINY = ConvCase(1, 3, (2, 3, 4), 3)


def test_set_is_that_of_a_block() -> None:
    block = MSTLKABlock(BLOCK_WIDTH)
    expected = sorted(
        (conv.in_channels, conv.kernel_size[0], conv.dilation[0])
        for conv in block.modules()
        if isinstance(conv, DepthwiseConv3d)
    )
    cases = block_set(2, (8, 14, 14), False)
    assert sorted((case.channels, case.kernel_size, case.dilation) for case in cases) == expected


def test_case_says_what_it_is() -> None:
    case = ConvCase(2, 64, (4, 64), 9, dilation=4, is_channels_last=True)
    assert str(case) == "9^2 dilation 4, B=2, C=64, 4x64, channels last"


def test_input_lies_as_the_case_says() -> None:
    assert random_map(TINY).is_contiguous()
    last = random_map(TINY._replace(is_channels_last=True))
    assert last.is_contiguous(memory_format=torch.channels_last_3d)
    assert last.shape == (1, 3, 2, 3, 4)


def test_cases_cover_both_layouts_and_all_kernels() -> None:
    cases = all_cases()
    assert len({case.is_channels_last for case in cases}) == 2
    kernels = {(case.kernel_size, case.dilation) for case in cases}
    assert kernels == {(3, 1), (5, 1), (7, 1), (5, 2), (7, 3), (9, 4), (3, 32)}


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
        row = Row(what, setting, "", "ms", 1, 1, 0.5 if slow in cases else 2, 0, 0, 1)
        return row

    monkeypatch.setattr(depthwise, "comparison_row", fake_row)
    row = lowest_row(
        "what", [(TINY, forward_call), (slow, forward_call)], tiny_settings, "never_slower"
    )
    assert row.ratio == 0.5
    assert row.setting == f"{slow}, forward"
    rounds = [num for case, num in measured if case == slow]
    assert rounds[0] < rounds[1] < rounds[2]
    assert measured[-1][0] == slow
