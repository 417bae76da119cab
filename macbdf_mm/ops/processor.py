"""What the CPU and PyTorch's libraries for it are good at."""

from functools import lru_cache
from pathlib import Path

import torch

_CPU_INFO = Path("/proc/cpuinfo")


@lru_cache(maxsize=1)
def onednn_outruns_mkl() -> bool:
    """Return whether oneDNN multiplies float32 matrices much faster than MKL here.

    MKL uses its AVX-512 kernels on Intel's processors only; oneDNN goes by what the processor
    can do. Elsewhere the two are about even, or nothing is known (any system but Linux).
    """
    return (
        torch.backends.mkl.is_available()
        and torch.backends.mkldnn.is_available()
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and _CPU_INFO.is_file()
        and "GenuineIntel" not in _CPU_INFO.read_text()
    )
