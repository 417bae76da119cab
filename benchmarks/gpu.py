"""Video blocks and training step on a GPU in bfloat16, against stock layers."""

import importlib.util
from collections.abc import Iterator

import torch
from torch import nn

from benchmarks.clock import Call
from benchmarks.comparison import Comparison, compare, measure_in_turns
from benchmarks.conv_case import BLOCK_WIDTH, VIDEO_GRID
from benchmarks.floor import block_floor_seconds
from benchmarks.not_measured import NotMeasuredError
from benchmarks.passes import training_call
from benchmarks.row import Row, cost_row, speed_row
from benchmarks.settings import Settings
from benchmarks.stock_model import with_stock_layers
from benchmarks.training_step import (
    build_training_model,
    plain_wrapper,
    random_batch,
    training_step,
)
from macbdf_mm.apis.command_line import load_config
from macbdf_mm.models.layers.mstlka_block import MSTLKABlock
from macbdf_mm.ops import use_triton

_NUM_BLOCKS = 6
_BLOCK_BATCH = 16
_STEP_BATCH = 8


def measure_gpu(settings: Settings) -> Iterator[Row]:
    """Yield six blocks at B=16 and the training step at B=8, on the first GPU.

    Raises:
        NotMeasuredError: Without a GPU.
    """
    if not torch.cuda.is_available():
        raise NotMeasuredError("no GPU")
    device = torch.device("cuda", 0)
    yield from block_rows(settings, device, _BLOCK_BATCH, VIDEO_GRID)
    yield from _step_rows(settings, device)


def block_rows(
    settings: Settings, device: torch.device, batch: int, grid: tuple[int, ...]
) -> Iterator[Row]:
    """Yield six video blocks under autocast to bfloat16, forward and backward.

    Against stock layers, and against the time that their bytes and products need at least.

    Args:
        settings: Rounds and seed.
        device: Where to compute.
        batch: Clips.
        grid: Lengths of the map's axes.
    """
    torch.manual_seed(settings.seed)
    blocks = nn.Sequential(*(MSTLKABlock(BLOCK_WIDTH) for _ in range(_NUM_BLOCKS))).to(device)
    x = torch.randn(batch, *grid, BLOCK_WIDTH, device=device).movedim(-1, 1)
    grad = torch.randn_like(x)
    stock = with_stock_layers(blocks)
    own = _under_autocast(training_call(blocks, x, grad), device)
    calls = {
        "own": own,
        "stock": _under_autocast(training_call(stock, x.contiguous(), grad.contiguous()), device),
    }
    if device.type == "cuda" and importlib.util.find_spec("triton") is not None:
        calls["triton"] = _with_triton(own)
    seconds = measure_in_turns(calls, settings.clock(device), settings.num_rounds)
    setting = f"bfloat16, B={batch}, C={BLOCK_WIDTH}, {'x'.join(map(str, grid))}"
    name = "six video blocks, forward + backward"
    floor = _NUM_BLOCKS * block_floor_seconds(batch, BLOCK_WIDTH, grid, device)
    for which, label in (("own", name), ("triton", f"{name}, Triton switched on")):
        if which not in seconds:
            continue
        goal = "gpu_blocks" if which == "own" else None
        comparison = Comparison(seconds[which], seconds["stock"])
        yield speed_row(label, setting, "stock layers, contiguous", comparison, goal)
        floors = Comparison(seconds[which], (floor,) * len(seconds[which]))
        yield cost_row(label, setting, "floor of bytes and products", floors)


def _step_rows(settings: Settings, device: torch.device) -> Iterator[Row]:
    cfg = load_config(settings.config)
    wrapper = plain_wrapper(cfg, "AmpOptimWrapper") | {"dtype": "bfloat16"}
    model = build_training_model(cfg, settings.seed, device)
    batch = random_batch(cfg, _STEP_BATCH, settings.seed)
    comparison = compare(
        training_step(model, wrapper, batch),
        training_step(with_stock_layers(model), wrapper, batch),
        settings.clock(device),
        settings.num_rounds,
    )
    setting = f"bfloat16, B={_STEP_BATCH}"
    yield speed_row(
        "training step", setting, "stock layers, fused attention", comparison, "gpu_step"
    )


def _with_triton(call: Call) -> Call:
    def switched() -> None:
        use_triton(True)
        try:
            call()
        finally:
            use_triton(False)

    return switched


def _under_autocast(call: Call, device: torch.device) -> Call:
    def cast() -> None:
        with torch.autocast(device.type, dtype=torch.bfloat16):
            call()

    return cast
