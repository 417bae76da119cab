"""A linear layer that uses the faster of two libraries."""

from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_CPU_INFO = Path("/proc/cpuinfo")
# Below these oneDNN's calls cost more than its products save.
_LEAST_ROWS = 256
_LEAST_PRODUCTS = 6_000_000
# With fewer samples PyTorch's convolution goes to MKL on one thread.
_LEAST_SAMPLES = 16
# Each sample should have some rows, which oneDNN computes in blocks.
_LEAST_ROWS_PER_SAMPLE = 8


class Linear(nn.Linear):
    """``nn.Linear`` with the same parameters, computed by :func:`linear`."""

    def forward(self, input: Tensor, scale: Tensor | None = None) -> Tensor:
        """Return (..., out_features) of ``input`` (..., in_features), times ``scale``.

        The scalar is taken into the parameters, which are far fewer numbers than the result,
        in the backward pass as well.

        Args:
            input: (..., in_features).
            scale: (), or None for 1.
        """
        if scale is None:
            return linear(input, self.weight, self.bias)
        bias = None if self.bias is None else scale * self.bias
        return linear(input, scale * self.weight, bias)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``torch.nn.functional.linear`` of the same arguments, up to rounding.

    PyTorch multiplies float32 matrices by MKL, which is two times slower than oneDNN on
    processors with AVX-512 that are not Intel's. A 1x1 convolution over the rows is the same
    product, in all three passes, by oneDNN. Anything but a large float32 product on such a
    CPU is left to PyTorch.

    Args:
        x: (..., in_features).
        weight: (out_features, in_features).
        bias: (out_features,) or None.
    """
    if not _suits_onednn(x, weight):
        return F.linear(x, weight, bias)
    num_rows = x.numel() // x.shape[-1]
    num_samples = _num_samples(num_rows)
    if num_samples == 0:
        return F.linear(x, weight, bias)
    rows = x.reshape(num_samples, num_rows // num_samples, 1, x.shape[-1])
    # (samples, in_features, rows, 1), channels last: the memory is that of the rows.
    y = F.conv2d(rows.movedim(-1, 1), weight[:, :, None, None], bias)
    return y.movedim(1, -1).reshape(*x.shape[:-1], weight.shape[0])


def _suits_onednn(x: Tensor, weight: Tensor) -> bool:
    return (
        not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
        and x.is_cpu
        and x.shape[-1] == weight.shape[-1]
        and x.numel() * weight.shape[0] >= _LEAST_PRODUCTS
        and x.dtype == weight.dtype == torch.float32
        and onednn_outruns_mkl()
        and not torch.is_autocast_enabled("cpu")
    )


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


@lru_cache(maxsize=4096)
def _num_samples(num_rows: int) -> int:
    """Return into how many equal samples to split the rows; 0 if there is no good number."""
    if num_rows < _LEAST_ROWS:
        return 0
    most = num_rows // _LEAST_ROWS_PER_SAMPLE
    fitting = (n for n in range(_LEAST_SAMPLES, most + 1) if num_rows % n == 0)
    return next(fitting, 0)
