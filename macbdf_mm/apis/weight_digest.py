"""A digest of all weights of a model."""

import hashlib

import torch
from torch import nn


def weight_digest(model: nn.Module) -> str:
    """Return the SHA-256 of all parameters and buffers: names, types, shapes and every bit.

    Two runs, or two processes of one, that ended alike have the same.

    Args:
        model: The model itself, not a distributed wrapper, whose names have a prefix.
    """
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        # numpy has no bfloat16; the bytes are the same under any type.
        flat = value.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b"")
    return digest.hexdigest()
