"""A digest of all weights of a model."""

import hashlib
from collections.abc import Mapping

import torch
from torch import nn


def weight_digest(model: nn.Module) -> str:
    """Return the SHA-256 of all parameters and buffers: names, types, shapes and every bit.

    Two runs, or two processes of one, that ended alike have the same.

    Args:
        model: The model itself, not a distributed wrapper, whose names have a prefix.
    """
    return state_digest(model.state_dict())


def state_digest(state: Mapping[str, torch.Tensor]) -> str:
    """Return the same of what a model's ``state_dict`` returns.

    Args:
        state: Name -> value of all parameters and buffers.
    """
    digest = hashlib.sha256()
    for name, value in sorted(state.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        # numpy has no bfloat16; the bytes are the same under any type.
        flat = value.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b"")
    return digest.hexdigest()
