"""The time that a block cannot go below on a device: its products, and its bytes."""

import torch

from benchmarks.clock import Call, clock_of
from macbdf_mm.models.layers.mstlka_block import MSTLKABlock

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


def block_floor_seconds(
    batch: int, width: int, grid: tuple[int, ...], device: torch.device
) -> float:
    """Return the least seconds of a block's two passes in bfloat16 on a device.

    The rates are measured on the device itself: of a large matrix product, and of a copy.

    Args:
        batch: Clips.
        width: Channels C.
        grid: Lengths of the map's axes.
        device: Where to compute.
    """
    operations = block_operations(batch, width, grid)
    num_bytes = _MAPS_MOVED * _BYTES_PER_NUMBER * batch * width * torch.Size(grid).numel()
    return max(operations / _operations_a_second(device), num_bytes / _bytes_a_second(device))


def _operations_a_second(device: torch.device) -> float:
    matrix = torch.randn(_MATRIX_SIZE, _MATRIX_SIZE, device=device, dtype=torch.bfloat16)
    return 2 * _MATRIX_SIZE**3 / _least_seconds(lambda: matrix @ matrix, device)


def _bytes_a_second(device: torch.device) -> float:
    source = torch.zeros(_COPY_BYTES, device=device, dtype=torch.uint8)
    target = torch.empty_like(source)
    return 2 * _COPY_BYTES / _least_seconds(lambda: target.copy_(source), device)


def _least_seconds(call: Call, device: torch.device) -> float:
    call()
    clock = clock_of(device, num_threads=1)
    return min(clock(call) for _ in range(_NUM_TRIES))
