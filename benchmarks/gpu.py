"""Video blocks and training step on a GPU in bfloat16, against stock layers."""

import importlib.util
from collections.abc import Iterator

import torch
from torch import nn

from benchmarks.calls import (
    build_training_model,
    plain_wrapper,
    random_batch,
    training_call,
    training_step,
)
from benchmarks.rows import NotMeasuredError, Row, compare, make_row
from benchmarks.settings import BLOCK_WIDTH, VIDEO_GRID, Settings
from benchmarks.stock_layers import with_stock_layers
from benchmarks.timing import Call, clock_of, measure_in_turns
from macbdf_mm.apis.command_line import load_config
from macbdf_mm.models.layers.mstlka_block import MSTLKABlock
from macbdf_mm.ops import use_triton

# Forward reads the map and writes the next; backward reads both maps' data again, the gradient
# of one, and writes that of the other. Everything between could stay on the chip.
_MAPS_MOVED = 5
_BYTES_PER_NUMBER = 2
_MATRIX_SIZE = 4096
_COPY_BYTES = 1 << 28
_NUM_TRIES = 5


def block_operations(batch: int, width: int, grid: tuple[int, ...]) -> int:
    """Return the floating-point operations of a block's forward and backward pass.

    Each weight is multiplied and added once a point in each of three passes: forward, by the
    input, by the weight. Taps that read only padding are counted, too.

    Args:
        batch: Clips.
        width: Channels C.
        grid: Lengths of the map's axes.
    """
    with torch.device("meta"):
        block = MSTLKABlock(width, num_dims=len(grid))
    num_weights = sum(weight.numel() for weight in block.parameters() if weight.dim() > 1)
    return 3 * 2 * batch * torch.Size(grid).numel() * num_weights


def block_floor_ms(batch: int, width: int, grid: tuple[int, ...], device: torch.device) -> float:
    """Return the least milliseconds of a block's two passes in bfloat16 on a device.

    The rates are measured on the device itself: of a large matrix product, and of a copy.

    Args:
        batch: Clips.
        width: Channels C.
        grid: Lengths of the map's axes.
        device: Where to compute.
    """
    matrix = torch.randn(_MATRIX_SIZE, _MATRIX_SIZE, device=device, dtype=torch.bfloat16)
    source = torch.zeros(_COPY_BYTES, device=device, dtype=torch.uint8)
    target = torch.empty_like(source)
    rates: dict[str, Call] = {
        "product": lambda: matrix @ matrix,
        "copy": lambda: target.copy_(source),
    }
    times = measure_in_turns(rates, clock_of(device, num_threads=1), _NUM_TRIES)
    operations = block_operations(batch, width, grid) / (2 * _MATRIX_SIZE**3)
    num_bytes = _MAPS_MOVED * _BYTES_PER_NUMBER * batch * width * torch.Size(grid).numel()
    copies = num_bytes / (2 * _COPY_BYTES)
    return max(operations * min(times["product"]), copies * min(times["copy"]))


_NUM_BLOCKS = 6
_BLOCK_BATCH = 16
_STEP_BATCH = 8
_STOCK = "stock layers, contiguous"


def measure_gpu(settings: Settings) -> Iterator[Row]:
    """Yield six blocks at B=16 and the training step at B=8, on the first GPU.

    Raises:
        NotMeasuredError: Without a GPU.
    """
    if not torch.cuda.is_available():
        raise NotMeasuredError("no GPU")
    device = torch.device("cuda", 0)
    yield from block_rows(settings, device, _BLOCK_BATCH, VIDEO_GRID)
    yield _step_row(settings, device)


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
    under_autocast = torch.autocast(device.type, torch.bfloat16)
    own = under_autocast(training_call(blocks, x, grad))
    name = "six video blocks, forward + backward"
    calls = {
        _STOCK: under_autocast(training_call(stock, x.contiguous(), grad.contiguous())),
        name: own,
    }
    if device.type == "cuda" and importlib.util.find_spec("triton") is not None:
        calls[f"{name}, Triton switched on"] = _with_triton(own)
    times = settings.measure(calls, device=device)
    setting = f"bfloat16, B={batch}, C={BLOCK_WIDTH}, {'x'.join(map(str, grid))}"
    floor = _NUM_BLOCKS * block_floor_ms(batch, BLOCK_WIDTH, grid, device)
    for what in list(calls)[1:]:
        goal = "gpu_blocks" if what == name else None
        yield make_row(what, setting, _STOCK, times[what], times[_STOCK], goal=goal)
        floors = [floor] * len(times[what])
        yield make_row(
            what, setting, "floor of bytes and products", times[what], floors, is_cost=True
        )


def _step_row(settings: Settings, device: torch.device) -> Row:
    cfg = load_config(settings.config)
    wrapper = plain_wrapper(cfg, "AmpOptimWrapper") | {"dtype": "bfloat16"}
    model = build_training_model(cfg, settings.seed, device)
    batch = random_batch(cfg, _STEP_BATCH, settings.seed)
    return compare(
        "training step",
        f"bfloat16, B={_STEP_BATCH}",
        "stock layers, fused attention",
        training_step(model, wrapper, batch),
        training_step(with_stock_layers(model), wrapper, batch),
        settings,
        device=device,
        goal="gpu_step",
    )


def _with_triton(call: Call) -> Call:
    def switched() -> None:
        use_triton(True)
        try:
            call()
        finally:
            use_triton(False)

    return switched
