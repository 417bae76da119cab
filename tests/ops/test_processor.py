from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from macbdf_mm.ops import processor


@pytest.fixture
def answer_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], bool]:
    """A function: the answer on a processor of some vendor with some vector instructions."""

    def answer(vendor: str, capability: str) -> bool:
        info = tmp_path / "cpuinfo"
        info.write_text(f"processor\t: 0\nvendor_id\t: {vendor}\n")
        monkeypatch.setattr(processor, "_CPU_INFO", info)
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
        return processor.onednn_outruns_mkl.__wrapped__()

    return answer


@pytest.mark.skipif(
    not (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()),
    reason="PyTorch was built without MKL or oneDNN",
)
def test_only_avx512_of_another_vendor_speaks_for_onednn(
    answer_for: Callable[[str, str], bool],
) -> None:
    assert answer_for("AuthenticAMD", "AVX512")
    assert not answer_for("GenuineIntel", "AVX512")
    assert not answer_for("AuthenticAMD", "AVX2")


def test_an_unknown_system_is_left_to_mkl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processor, "_CPU_INFO", tmp_path / "none")
    assert not processor.onednn_outruns_mkl.__wrapped__()
