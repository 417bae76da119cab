"""Read numbers from a device while waiting for it only once."""

import torch
from torch import Tensor


def read_together(*tensors: Tensor) -> list[list[float]]:
    """Return the values of each tensor, flat, in one transfer from the device.

    Args:
        *tensors: Of any shape and floating-point type.
    """
    flat = torch.cat([tensor.detach().flatten().double() for tensor in tensors]).tolist()
    values, start = [], 0
    for tensor in tensors:
        values.append(flat[start : start + tensor.numel()])
        start += tensor.numel()
    return values
