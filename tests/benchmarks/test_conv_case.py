import torch

from benchmarks.conv_case import (
    BLOCK_WIDTH,
    ConvCase,
    all_cases,
    block_set,
    random_map,
)
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
