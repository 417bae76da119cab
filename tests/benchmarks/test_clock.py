import time

import pytest
import torch

from benchmarks.clock import clock_of, cpu_seconds, cuda_seconds, wall_seconds


def spin() -> None:
    end = time.process_time() + 0.02
    while time.process_time() < end:
        pass


def test_processor_time_counts_work_and_not_waiting() -> None:
    assert cpu_seconds(spin) >= 0.02
    assert cpu_seconds(lambda: time.sleep(0.05)) < 0.04
    assert wall_seconds(lambda: time.sleep(0.05)) >= 0.05


def test_clock_goes_by_device_and_threads() -> None:
    assert clock_of(torch.device("cpu"), 1) is cpu_seconds
    assert clock_of(torch.device("cpu"), 2) is wall_seconds
    assert clock_of(torch.device("cuda", 0), 1) is cuda_seconds


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_events_see_the_work_of_the_device() -> None:
    matrix = torch.randn(2048, 2048, device="cuda")
    cuda_seconds(lambda: matrix @ matrix)
    assert 0 < cuda_seconds(lambda: matrix @ matrix) < 1
