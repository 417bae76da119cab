"""The depthwise convolutions against PyTorch's own."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from benchmarks.clock import Call
from benchmarks.comparison import compare
from benchmarks.conv_case import (
    AUDIO_GRID,
    BLOCK_WIDTH,
    SCALE_WIDTH,
    VIDEO_GRID,
    ConvCase,
    all_cases,
    block_set,
    random_map,
)
from benchmarks.passes import all_calls, forward_call, training_call
from benchmarks.row import Row, speed_row
from benchmarks.settings import Settings
from benchmarks.stock_convolution import stock_convolution
from macbdf_mm.models.layers.large_kernel_attention import DEPTHWISE_CONVS

_NUM_AGAIN = 5
# Of calls of 0.05 ms, a few rounds say little about a twentieth.
_NUM_LAST_ROUNDS = 61
_Maker = Callable[[nn.Module, Tensor, Tensor], Call]
_Way = tuple[ConvCase, _Maker]


def measure_depthwise(settings: Settings) -> Iterator[Row]:
    """Yield the set of a block, its kernels, 2-D, and the least favourable cases."""
    torch.manual_seed(settings.seed)
    yield from _set_rows(settings)
    dilated = [case for case in block_set(8, AUDIO_GRID, True) if case.dilation > 1]
    for batch in (8, 2, 1):
        cases = [case._replace(batch=batch, is_channels_last=False) for case in dilated]
        yield comparison_row(
            "depthwise 2-D dilated kernels, forward + backward",
            f"B={batch}, C={SCALE_WIDTH}, 4x64, contiguous",
            cases,
            settings,
            goal="dilated_2d" if batch == 8 else None,
        )
    yield lowest_row(
        "depthwise forward of dilation 1, lowest ratio",
        [case for case in all_cases() if case.dilation == 1],
        settings,
        "forward_dilation_1",
        makers=(forward_call,),
    )
    yield lowest_row(
        "depthwise, lowest ratio of all cases",
        all_cases(),
        settings,
        "never_slower",
        makers=(forward_call, training_call),
    )


def _set_rows(settings: Settings) -> Iterator[Row]:
    size = f"B=2, C={BLOCK_WIDTH}, 8x14x14"
    contiguous, channels_last = (block_set(2, VIDEO_GRID, last) for last in (False, True))
    name = "depthwise set of a block"
    both = f"{name}, forward + backward"
    yield comparison_row(both, f"{size}, contiguous", contiguous, settings, goal="depthwise_set")
    yield comparison_row(both, f"{size}, channels last", channels_last, settings)
    yield comparison_row(
        f"{name}, forward", f"{size}, contiguous", contiguous, settings, maker=forward_call
    )
    if not settings.is_quick:
        for case in dict.fromkeys(contiguous):
            yield comparison_row("depthwise, forward + backward", str(case), [case], settings)


def comparison_row(
    what: str,
    setting: str,
    cases: Sequence[ConvCase],
    settings: Settings,
    goal: str | None = None,
    maker: _Maker = training_call,
    num_rounds: int | None = None,
) -> Row:
    """Return the row that compares the sum over some convolutions."""
    calls, peers = zip(*(_calls(case, maker) for case in cases), strict=True)
    rounds = num_rounds or settings.num_rounds
    comparison = compare(all_calls(calls), all_calls(peers), settings.clock(), rounds)
    return speed_row(what, setting, _peer(cases[0]), comparison, goal)


def lowest_row(
    what: str,
    cases: Sequence[ConvCase],
    settings: Settings,
    goal: str,
    makers: Sequence[_Maker],
) -> Row:
    """Return the row of the case that gains least, or loses most.

    The lowest of many noisy ratios is low by chance. So the lowest few are measured again, and
    the one that is lowest then once more, which is what counts.
    """
    ways = [(case, maker) for case in cases for maker in makers]

    def ratio(way: _Way, rounds: Settings) -> float:
        return comparison_row(what, "", [way[0]], rounds, maker=way[1]).ratio

    lowest = sorted(ways, key=lambda way: ratio(way, settings))[:_NUM_AGAIN]
    case, maker = min(lowest, key=lambda way: ratio(way, settings.thorough()))
    setting = f"{case}, {'forward' if maker is forward_call else 'forward + backward'}"
    return comparison_row(what, setting, [case], settings, goal, maker, _NUM_LAST_ROUNDS)


def _calls(case: ConvCase, maker: _Maker) -> tuple[Call, Call]:
    conv = DEPTHWISE_CONVS[len(case.grid)](case.channels, case.kernel_size, case.dilation)
    x, grad = (random_map(case) for _ in range(2))
    return maker(conv, x, grad), maker(stock_convolution(conv), x, grad)


def _peer(case: ConvCase) -> str:
    return f"nn.Conv{len(case.grid)}d(groups=C)"
