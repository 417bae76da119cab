"""Whether the Triton kernels may be chosen: off until somebody has timed them on a GPU."""

import importlib.util
import os

# Set to 1 before the package is imported, it switches them on.
VARIABLE = "MACBDF_TRITON"

_is_on = os.environ.get(VARIABLE) == "1"


def use_triton(enabled: bool = True) -> None:
    """Let depthwise convolutions on CUDA devices use the Triton kernels, or stop that.

    They are exact to rounding, checked in Triton's interpreter, and untimed: measure before
    you train with them (``tools/benchmark.py --only gpu`` compares both).

    Args:
        enabled: Whether to use them from now on.

    Raises:
        ModuleNotFoundError: If Triton is not installed.
    """
    global _is_on
    if enabled and importlib.util.find_spec("triton") is None:
        raise ModuleNotFoundError(
            "Triton is not installed, and its kernels need it: install `triton`, which PyTorch's "
            "CUDA wheels for Linux bring along.",
            name="triton",
        )
    _is_on = enabled


def is_triton_on() -> bool:
    """Return whether the Triton kernels may be chosen."""
    return _is_on
