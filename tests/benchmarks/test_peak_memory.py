import sys

import pytest
import torch

from benchmarks import peak_memory
from benchmarks.not_measured import NotMeasuredError
from benchmarks.peak_memory import peak_bytes

CPU = torch.device("cpu")
MEGABYTE = 1 << 20


def use(megabytes: int) -> None:
    torch.ones(megabytes * MEGABYTE, dtype=torch.uint8)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak")
def test_peak_is_of_this_call_alone() -> None:
    use(200)  # an earlier, higher peak
    for megabytes in (100, 20):
        peak = peak_bytes(lambda megabytes=megabytes: use(megabytes), CPU)
        # The process itself needs some pages, too.
        assert megabytes * MEGABYTE * 0.9 < peak < (megabytes + 10) * MEGABYTE


def test_other_systems_say_why_there_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peak_memory.sys, "platform", "darwin")
    with pytest.raises(NotMeasuredError, match="only Linux tells"):
        peak_bytes(lambda: None, CPU)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_peak_of_a_gpu_is_what_the_allocator_gave() -> None:
    device = torch.device("cuda", 0)
    peak = peak_bytes(
        lambda: torch.ones(64 * MEGABYTE, dtype=torch.uint8, device=device).bool(), device
    )
    assert peak == 2 * 64 * MEGABYTE
