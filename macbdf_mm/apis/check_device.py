"""Whether a device can be computed on."""

import torch

from macbdf_mm.errors import ConfigError


def check_device(device: str, amp: bool) -> None:
    """Return if a device is there, and is a GPU where half precision is wanted.

    Args:
        device: As PyTorch names it, such as ``'cuda:0'``.
        amp: Whether to compute in bfloat16.

    Raises:
        ConfigError: If the device is not there, or is no GPU with ``amp``.
    """
    try:
        is_gpu = torch.zeros(0, device=device).is_cuda
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"Device '{device}' cannot be used: {reason}") from error
    if amp and not is_gpu:
        raise ConfigError(f"--amp (`amp=True`) needs a GPU, and '{device}' is none; leave it out.")
