"""Checkpoints of tensors and plain Python values only, which are safe to load and share."""

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

_PLAIN = (bool, int, float, complex, str, bytes)


def to_plain(value: Any, where: str = "value") -> Any:
    """Return a copy that ``torch.load(weights_only=True)`` reads.

    numpy scalars become Python numbers, numpy arrays lists, paths strings, and containers
    dicts and lists; tensors stay as they are.

    Args:
        value: What should be saved.
        where: Its name, for the error message.

    Raises:
        TypeError: If something in it is none of these.
    """
    if value is None or isinstance(value, torch.Tensor) or type(value) in _PLAIN:
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return to_plain(value.tolist(), where)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {
            to_plain(key, where): to_plain(item, f"{where}.{key}") for key, item in value.items()
        }
    if isinstance(value, tuple):
        return tuple(to_plain(item, f"{where}[{i}]") for i, item in enumerate(value))
    if isinstance(value, list | deque):
        return [to_plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    for plain in _PLAIN:  # subclasses, such as an enumeration's members or numpy's float64
        if isinstance(value, plain):
            return plain(value)
    raise TypeError(
        f"Expected only tensors and plain values in a checkpoint, got {type(value).__name__} "
        f"at '{where}'; what a hook or the model adds must load under weights_only=True."
    )


def plain_message_hub(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state of a message hub without its log curves.

    The curves are objects of MMEngine's, which ``weights_only=True`` refuses; they only smooth
    what is printed after a resume, and every value is in the log file.
    """
    info = to_plain(state["runtime_info"], "message_hub.runtime_info")
    resumed = {key: flag for key, flag in state["resumed_keys"].items() if key in info}
    return {"log_scalars": {}, "runtime_info": info, "resumed_keys": resumed}
