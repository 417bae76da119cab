"""Memory formats: results lie in memory as their input does."""

import torch
from torch import Tensor

_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def memory_format_of(x: Tensor) -> torch.memory_format:
    """Return the format of ``x``, (B, C, *lengths): channels last, or contiguous if in doubt."""
    channels_last = _CHANNELS_LAST[x.dim()]
    if not x.is_contiguous() and x.is_contiguous(memory_format=channels_last):
        return channels_last
    return torch.contiguous_format


def to_channels_last(x: Tensor) -> Tensor:
    """Return ``x``, (B, C, *lengths), with its channels contiguous in memory."""
    return x.contiguous(memory_format=_CHANNELS_LAST[x.dim()])
