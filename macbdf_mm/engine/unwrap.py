"""The model and the data sets of a run, out of what wraps them."""

from collections.abc import Iterator
from typing import Any

from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn


def bare_model(runner: Runner) -> nn.Module:
    """Return the runner's model without the wrapper of distributed training."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def nested_datasets(dataset: Any) -> Iterator[Any]:
    """Yield a data set and all that it wraps as ``dataset`` or ``datasets``."""
    yield dataset
    inner = [getattr(dataset, "dataset", None), *getattr(dataset, "datasets", ())]
    for nested in inner:
        if nested is not None:
            yield from nested_datasets(nested)
