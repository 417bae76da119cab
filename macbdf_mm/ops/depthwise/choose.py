"""Which algorithm computes a depthwise convolution: a table with a reason a row.

All algorithms are exact, so that the choice is only one of time. The rows were measured on
one thread of an x86 processor with AVX-512; see docs/decisions/0002-depthwise-convolution.md.
"""

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from macbdf_mm.ops.depthwise.lattice import lattice_lengths
from macbdf_mm.ops.depthwise.taps import effective_kernel_size

# Products of a tap and an element up to which the calls themselves cost more than what other
# ways save.
_TINY_PRODUCTS = 600_000
# Saving fewer is not worth a call.
NOTICEABLE_PRODUCTS = 200_000
# Up to so many, the backward pass of PyTorch's 2-D convolution of dilation 1 keeps pace.
_SMALL_2D_PRODUCTS = 2_100_000

# Subclasses bring operations of their own, which know PyTorch's.
PLAIN_TENSORS = (Tensor, nn.Parameter)
# The gradients of complex numbers would have to be conjugated.
_TYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)

# Set to 1 before the package is imported, it switches the Triton kernels on; they are off until
# somebody has timed them on a GPU.
VARIABLE = "MACBDF_TRITON"
_is_triton_on = os.environ.get(VARIABLE) == "1"


class Algorithm(Enum):
    """A way of computing a depthwise convolution.

    Attributes:
        STOCK: PyTorch's own, as it is.
        TRIMMED: PyTorch's own without the taps that read only padding.
        CHANNELS_LAST: The same in channels-last memory.
        FORWARD_ONLY: Sub-lattices of dilation 1, all passes of which are forward passes.
        TOEPLITZ: Sub-lattices of dilation 1 as a matrix a channel.
        TRITON: Kernels of our own for CUDA devices.
    """

    STOCK = auto()
    TRIMMED = auto()
    CHANNELS_LAST = auto()
    FORWARD_ONLY = auto()
    TOEPLITZ = auto()
    TRITON = auto()


class Case(NamedTuple):
    """What the choice depends on.

    Attributes:
        shape: Of the input, (B, C, *lengths) with two or three spatial axes.
        weight_shape: (C, 1, *kernel_size).
        dilation: Dilation of each axis.
        is_contiguous: Whether the input lies channel by channel, not channels last.
        needs_gradient: Whether a backward pass will follow.
        has_fast_kernel: Whether the forward of dilation 1 is fast: float32 (as which half
            precision is computed) and PyTorch built with oneDNN.
        is_on_gpu: Whether this is a CUDA batch, and the Triton kernels are switched on.
    """

    shape: tuple[int, ...]
    weight_shape: tuple[int, ...]
    dilation: tuple[int, ...]
    is_contiguous: bool
    needs_gradient: bool
    has_fast_kernel: bool
    is_on_gpu: bool = False

    @property
    def is_2d(self) -> bool:
        """Whether there are two spatial axes, not three."""
        return len(self.dilation) == 2

    @property
    def is_dilated(self) -> bool:
        """Whether any axis has a dilation above 1."""
        return max(self.dilation) > 1

    @property
    def num_taps(self) -> int:
        """Taps that can read the input."""
        axes = zip(self.weight_shape[2:], self.dilation, self.shape[2:], strict=True)
        return prod(effective_kernel_size(*axis) for axis in axes)

    @property
    def num_products(self) -> int:
        """Products of a tap and an element of the input."""
        return prod(self.shape) * self.num_taps

    @property
    def is_tiny(self) -> bool:
        """Whether there is so little to compute that calls count."""
        return self.num_products <= _TINY_PRODUCTS

    @property
    def is_trimmed(self) -> bool:
        """Whether half of the taps or more can be left out, and that saves enough to notice."""
        num_saved = prod(self.shape) * prod(self.weight_shape[2:]) - self.num_products
        return num_saved >= max(self.num_products, NOTICEABLE_PRODUCTS)

    @property
    def is_small(self) -> bool:
        """Whether PyTorch's own backward is fast enough, if only it lies channels last."""
        is_small_2d = self.is_2d and not self.is_dilated
        return self.is_tiny or (is_small_2d and self.num_products <= _SMALL_2D_PRODUCTS)

    @property
    def repays_layout(self) -> bool:
        """Whether a change to channels last, which PyTorch's backward prefers, saves its copy."""
        is_noticeable = self.num_products >= NOTICEABLE_PRODUCTS
        return self.is_contiguous and self.needs_gradient and is_noticeable

    @property
    def repays_matrices(self) -> bool:
        """Whether there are at least as many sub-lattices as each of them has points.

        A matrix of N x N is then filled for N or more rows to multiply with it.
        """
        num_points = prod(lattice_lengths(self.shape[2:], self.dilation))
        return num_points <= self.shape[0] * prod(self.dilation)


@dataclass(frozen=True)
class Rule:
    """A row of the table: the algorithm for the cases it fits, and why."""

    algorithm: Algorithm
    fits: Callable[[Case], bool]
    reason: str


# The first rule that fits decides.
RULES = (
    Rule(
        Algorithm.TRITON,
        lambda case: case.is_on_gpu,
        "switched on by hand: untimed, it is never chosen on its own",
    ),
    Rule(
        Algorithm.TOEPLITZ,
        lambda case: not case.has_fast_kernel and case.is_dilated and case.repays_matrices,
        "matrix products are fast in every type",
    ),
    Rule(
        Algorithm.TRIMMED,
        lambda case: not case.has_fast_kernel,
        "the other algorithms lean on the fast kernel",
    ),
    Rule(
        Algorithm.STOCK,
        lambda case: not case.needs_gradient and has_fast_forward(case.dilation),
        "its forward has a fast kernel already",
    ),
    Rule(
        Algorithm.STOCK,
        lambda case: case.is_2d and not case.is_dilated and max(case.weight_shape[2:]) <= 3,
        "small 2-D kernels have a fast backward, too",
    ),
    Rule(
        Algorithm.STOCK,
        lambda case: case.is_tiny and not case.is_trimmed and not case.repays_layout,
        "there is next to nothing to save",
    ),
    Rule(
        Algorithm.TOEPLITZ,
        lambda case: case.repays_matrices and case.is_contiguous,
        "its products want the points of a channel together, as they are here",
    ),
    Rule(
        Algorithm.STOCK,
        lambda case: case.is_small and not case.is_contiguous and not case.is_trimmed,
        "it lies as PyTorch's backward prefers, and a look at the table costs what it could save",
    ),
    Rule(
        Algorithm.CHANNELS_LAST,
        lambda case: case.is_small,
        "its backward is faster in this layout, and anything more would cost more calls",
    ),
    Rule(
        Algorithm.TOEPLITZ,
        lambda case: case.repays_matrices and case.needs_gradient and not case.is_2d,
        "three matrix products beat three convolutions of so few points",
    ),
    Rule(
        Algorithm.FORWARD_ONLY,
        lambda case: True,
        "only the forward of dilation 1 is fast; the others go through im2col, channel by channel",
    ),
)


def has_fast_forward(dilation: tuple[int, ...]) -> bool:
    """Return whether PyTorch's own forward is fast: up to dilation 2 in 2-D, else at 1 only."""
    return max(dilation) <= (2 if len(dilation) == 2 else 1)


@lru_cache(maxsize=4096)
def choose_algorithm(case: Case) -> Algorithm:
    """Return the algorithm of the first rule that fits."""
    return next(rule.algorithm for rule in RULES if rule.fits(case))


def is_watched() -> bool:
    """Return whether a compiler, exporter, tracer, transform or dispatch mode is watching.

    They know PyTorch's own operation, not ours: its symbols, its batched and its forward-mode
    derivatives. And an index list that was first made of fake tensors would stay so.
    """
    return (
        torch.compiler.is_compiling()
        or torch.jit.is_tracing()
        or is_in_torch_dispatch_mode()
        or torch._C._are_functorch_transforms_active()
        or forward_ad._current_level >= 0  # forward mode
    )


def is_regular(x: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Return whether this is an unwatched batch for our algorithms, of one type, with points in it.

    That is one of plain tensors of real numbers on the CPU, or one of at most float32 on a CUDA
    device where the Triton kernels are switched on. Anything else is left to PyTorch's own
    operation as it is: exporters know it, compilers fuse it, other devices have kernels of their
    own, and its errors name what is wrong.
    """
    if is_watched() or type(x) not in PLAIN_TENSORS or type(weight) not in PLAIN_TENSORS:
        return False
    if x.is_cpu:
        is_ours = x.dtype in _TYPES and weight.is_cpu and (bias is None or bias.is_cpu)
    else:
        # The kernels have float32 sums and 32-bit positions.
        suits_triton = x.dtype in _TYPES[:3] and x.numel() < 2**31
        is_ours = is_triton_on() and x.is_cuda and suits_triton and x.device == weight.device
    return (
        is_ours
        and x.dtype == weight.dtype
        and (bias is None or bias.dtype == x.dtype)
        and x.dim() == weight.dim()
        and x.shape[1] == weight.shape[0]
        and x.numel() > 0
    )


def needs_gradient(x: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Return whether a backward pass through the convolution can follow."""
    return torch.is_grad_enabled() and (
        x.requires_grad or weight.requires_grad or (bias is not None and bias.requires_grad)
    )


def use_triton(enabled: bool = True) -> None:
    """Let depthwise convolutions on CUDA devices use the Triton kernels, or stop that.

    They are exact to rounding, checked in Triton's interpreter, and untimed: measure before
    you train with them (``tools/benchmark.py --only gpu`` compares both).

    Args:
        enabled: Whether to use them from now on.

    Raises:
        ModuleNotFoundError: If Triton is not installed.
    """
    global _is_triton_on
    if enabled and importlib.util.find_spec("triton") is None:
        raise ModuleNotFoundError(
            "Triton is not installed, and its kernels need it: install `triton`, which PyTorch's "
            "CUDA wheels for Linux bring along.",
            name="triton",
        )
    _is_triton_on = enabled


def is_triton_on() -> bool:
    """Return whether the Triton kernels may be chosen."""
    return _is_triton_on
