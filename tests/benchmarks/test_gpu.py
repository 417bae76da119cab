import pytest
import torch

from benchmarks import floor, gpu
from benchmarks.gpu import block_rows, measure_gpu
from benchmarks.not_measured import NotMeasuredError
from benchmarks.settings import CPU, Settings


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(tiny_settings: Settings) -> None:
    with pytest.raises(NotMeasuredError, match="no GPU"):
        next(measure_gpu(tiny_settings))


def test_blocks_are_held_against_stock_and_the_floor(
    tiny_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "BLOCK_WIDTH", 3)
    monkeypatch.setattr(gpu, "_NUM_BLOCKS", 1)
    monkeypatch.setattr(floor, "_MATRIX_SIZE", 32)
    monkeypatch.setattr(floor, "_COPY_BYTES", 1 << 12)
    stock, least = block_rows(tiny_settings, CPU, batch=1, grid=(2, 2, 2))
    assert stock.goal == "gpu_blocks"
    assert least.is_cost
    assert least.ratio > 1  # nothing is faster than the floor


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_all_rows_are_measured_on_a_gpu(tiny_settings: Settings) -> None:
    goals = [row.goal for row in measure_gpu(tiny_settings)]
    assert {"gpu_blocks", "gpu_step"} <= set(goals)
