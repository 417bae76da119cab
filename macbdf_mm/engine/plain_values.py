"""Checkpoints of tensors and plain Python values only, which are safe to load and share."""

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

_PLAIN = (torch.Tensor, bool, int, float, complex, str, bytes)


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
    if isinstance(value, np.generic):  # first: numpy's float64 is a Python float too
        return value.item()
    if value is None or isinstance(value, _PLAIN):
        return value
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
