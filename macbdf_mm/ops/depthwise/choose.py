"""Which algorithm computes a depthwise convolution: a table with a reason a row.

All algorithms are exact, so that the choice is only one of time. The rows were measured on
one thread of an x86 processor with AVX-512; see docs/decisions/0002-depthwise-convolution.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from macbdf_mm.ops.depthwise.lattice import lattice_lengths

# Beyond this the matrices (C, N, N) cost more to fill than their products save.
MAX_TOEPLITZ_POINTS = 160
# Up to so many elements the calls themselves cost more than what the faster ways save.
MAX_TINY_ELEMENTS = 32768


class Algorithm(Enum):
    """A way of computing a depthwise convolution.

    Attributes:
        STOCK: PyTorch's own, as it is.
        TRIMMED: PyTorch's own without the taps that read only padding.
        CHANNELS_LAST: The same in channels-last memory.
        FORWARD_ONLY: Sub-lattices of dilation 1, all passes of which are forward passes.
        TOEPLITZ: Sub-lattices of dilation 1 as a matrix a channel.
    """

    STOCK = auto()
    TRIMMED = auto()
    CHANNELS_LAST = auto()
    FORWARD_ONLY = auto()
    TOEPLITZ = auto()


class Case(NamedTuple):
    """What the choice depends on: a tuple, for it is made and hashed at every call.

    Attributes:
        lengths: Lengths of the spatial axes, two or three.
        kernel_size: Taps of each axis.
        dilation: Dilation of each axis.
        is_tiny: Whether the input has too few elements for many calls to pay.
        needs_gradient: Whether a backward pass will follow.
        has_fast_kernel: Whether the forward of dilation 1 is fast: float32 (as which half
            precision is computed) and PyTorch built with oneDNN.
        is_regular: Whether the input is a CPU batch that the algorithms are written for, and
            nothing is tracing the operation.
    """

    lengths: tuple[int, ...]
    kernel_size: tuple[int, ...]
    dilation: tuple[int, ...]
    is_tiny: bool
    needs_gradient: bool
    has_fast_kernel: bool
    is_regular: bool

    @property
    def is_dilated(self) -> bool:
        """Whether any axis has a dilation above 1."""
        return max(self.dilation) > 1

    @property
    def is_small(self) -> bool:
        """Whether a sub-lattice of the dilation has so few points that matrices pay."""
        return prod(lattice_lengths(self.lengths, self.dilation)) <= MAX_TOEPLITZ_POINTS

    @property
    def is_2d(self) -> bool:
        """Whether there are two spatial axes, not three."""
        return len(self.lengths) == 2


@dataclass(frozen=True)
class Rule:
    """A row of the table: the algorithm for the cases it fits, and why."""

    algorithm: Algorithm
    fits: Callable[[Case], bool]
    reason: str


# The first rule that fits decides.
RULES = (
    Rule(
        Algorithm.STOCK,
        lambda case: not case.is_regular,
        "exporters know it, compilers fuse it, other devices have kernels of their own, and "
        "its errors name what is wrong with an odd input",
    ),
    Rule(
        Algorithm.TOEPLITZ,
        lambda case: not case.has_fast_kernel and case.is_dilated and case.is_small,
        "matrix products are fast in every type",
    ),
    Rule(
        Algorithm.TRIMMED,
        lambda case: not case.has_fast_kernel,
        "the other algorithms lean on the fast kernel",
    ),
    Rule(
        Algorithm.TRIMMED,
        lambda case: not case.needs_gradient and not case.is_dilated,
        "the forward of dilation 1 has a fast kernel already",
    ),
    Rule(
        Algorithm.CHANNELS_LAST,
        lambda case: (
            case.is_2d and not case.needs_gradient and (case.is_tiny or max(case.dilation) == 2)
        ),
        "the 2-D forward is fast in this layout up to dilation 2, and at higher ones where the "
        "input is tiny",
    ),
    Rule(
        Algorithm.FORWARD_ONLY,
        lambda case: not case.needs_gradient,
        "one forward does not repay filling the matrices",
    ),
    Rule(
        Algorithm.TRIMMED,
        lambda case: (
            not case.is_dilated and max(case.kernel_size) <= 3 and (case.is_2d or case.is_tiny)
        ),
        "small kernels have a fast 2-D backward, and a bearable 3-D one",
    ),
    Rule(
        Algorithm.CHANNELS_LAST,
        lambda case: (
            case.is_2d and not case.is_dilated and (case.is_tiny or max(case.kernel_size) <= 5)
        ),
        "middling kernels have a fast 2-D backward in this layout",
    ),
    Rule(
        Algorithm.FORWARD_ONLY,
        lambda case: case.is_2d and not case.is_dilated,
        "on large kernels the 2-D backward loses to forward passes",
    ),
    Rule(
        Algorithm.TOEPLITZ,
        lambda case: case.is_small,
        "three matrix products beat three convolutions of so few points",
    ),
    Rule(
        Algorithm.FORWARD_ONLY,
        lambda case: True,
        "the stock backward goes through im2col, one channel at a time",
    ),
)


@lru_cache(maxsize=1024)
def choose_algorithm(case: Case) -> Algorithm:
    """Return the algorithm of the first rule that fits the case."""
    return next(rule.algorithm for rule in RULES if rule.fits(case))


def is_traced() -> bool:
    """Return whether a compiler, an exporter or a tracer is watching."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


def is_regular(x: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Return whether this is an untraced CPU batch, of one type and with points in it."""
    return (
        not is_traced()
        and x.is_cpu
        and weight.is_cpu
        and x.dtype == weight.dtype
        and (bias is None or (bias.is_cpu and bias.dtype == x.dtype))
        and x.dim() == weight.dim()
        and x.shape[1] == weight.shape[0]
        and x.numel() > 0
    )


def describe(x: Tensor, weight: Tensor, bias: Tensor | None, dilation: tuple[int, ...]) -> Case:
    """Return what the choice depends on, for tensors as :func:`depthwise_conv` takes them."""
    return Case(
        lengths=x.shape[2:],
        kernel_size=weight.shape[2:],
        dilation=dilation,
        is_tiny=x.numel() <= MAX_TINY_ELEMENTS,
        needs_gradient=torch.is_grad_enabled()
        and (x.requires_grad or weight.requires_grad or (bias is not None and bias.requires_grad)),
        has_fast_kernel=x.dtype != torch.float64 and torch.backends.mkldnn.is_available(),
        is_regular=is_regular(x, weight, bias),
    )
