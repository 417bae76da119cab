import pytest
import torch

from benchmarks import gpu
from benchmarks.gpu import block_operations, block_rows, measure_gpu
from benchmarks.rows import NotMeasuredError
from benchmarks.settings import CPU, Settings


def test_operations_of_a_block_are_those_of_its_layers() -> None:
    """Three passes of two operations a product; taps by the kernels of the table."""
    width, grid, batch = 6, (2, 3, 4), 2
    points = batch * 2 * 3 * 4
    taps = 27 + 125 + 27 + 125 + 343 + 125 + 343 + 729 + 343
    depthwise = (width // 3) * taps + width * 343
    pointwise = 2 * (width * 2 * width + width * width) + 3 * (width // 3) ** 2
    assert block_operations(batch, width, grid) == 3 * 2 * points * (depthwise + pointwise)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(tiny_settings: Settings) -> None:
    with pytest.raises(NotMeasuredError, match="no GPU"):
        next(measure_gpu(tiny_settings))


def test_blocks_are_held_against_stock_and_the_floor(
    tiny_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "BLOCK_WIDTH", 3)
    monkeypatch.setattr(gpu, "_NUM_BLOCKS", 1)
    monkeypatch.setattr(gpu, "_MATRIX_SIZE", 32)
    monkeypatch.setattr(gpu, "_COPY_BYTES", 1 << 12)
    stock, least = block_rows(tiny_settings, CPU, batch=1, grid=(2, 2, 2))
    assert stock.goal == "gpu_blocks"
    assert least.is_cost
    assert least.ratio > 1  # nothing is faster than the floor


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_all_rows_are_measured_on_a_gpu(tiny_settings: Settings) -> None:
    goals = [row.goal for row in measure_gpu(tiny_settings)]
    assert {"gpu_blocks", "gpu_step"} <= set(goals)
