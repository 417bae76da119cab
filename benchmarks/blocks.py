"""The blocks of the towers against the same block of stock layers."""

from collections.abc import Iterator

import torch

from benchmarks.comparison import compare
from benchmarks.conv_case import AUDIO_GRID, BLOCK_WIDTH, VIDEO_GRID
from benchmarks.passes import forward_call, training_call
from benchmarks.row import Row, speed_row
from benchmarks.settings import Settings
from benchmarks.stock_block import StockBlock
from benchmarks.stock_model import with_stock_convolutions
from macbdf_mm.models.layers.mstlka_block import MSTLKABlock

_PASSES = {"forward + backward": training_call, "forward": forward_call}
_STOCK = "stock layers, channels first"
_CONVOLUTIONS = "the same block over nn.Conv"


def measure_blocks(settings: Settings) -> Iterator[Row]:
    """Yield both passes of a video and an audio block of the `s` model, B=2."""
    torch.manual_seed(settings.seed)
    goals = {"forward + backward": "block", "forward": "block_forward"}
    yield from block_rows("video", 2, BLOCK_WIDTH, VIDEO_GRID, settings, goals)
    yield from block_rows("audio", 2, BLOCK_WIDTH, AUDIO_GRID, settings, {})


def block_rows(
    track: str,
    batch: int,
    width: int,
    grid: tuple[int, ...],
    settings: Settings,
    goals: dict[str, str],
) -> Iterator[Row]:
    """Yield both passes of a block against both peers.

    Args:
        track: Whose block it is, for the name.
        batch: Clips.
        width: Channels C.
        grid: Lengths of the map's axes, two or three.
        settings: Rounds and threads.
        goals: Passes -> the goal that the row against stock layers answers.
    """
    block = MSTLKABlock(width, num_dims=len(grid))
    tokens, grad = torch.randn(2, batch, *grid, width).movedim(-1, 2).unbind(0)
    size = f"B={batch}, C={width}, {'x'.join(map(str, grid))}"
    peers = {
        _STOCK: (StockBlock(block), tokens.contiguous()),
        _CONVOLUTIONS: (with_stock_convolutions(block), tokens),
    }
    for passes, maker in _PASSES.items():
        for peer, (module, x) in peers.items():
            comparison = compare(
                maker(block, tokens, grad),
                maker(module, x, grad),
                settings.clock(),
                settings.num_rounds,
            )
            goal = goals.get(passes) if peer == _STOCK else None
            yield speed_row(f"{track} block, {passes}", size, peer, comparison, goal)
