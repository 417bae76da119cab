"""Reaching the data sets inside of wrappers."""

from collections.abc import Iterator
from typing import Any


def nested_datasets(dataset: Any) -> Iterator[Any]:
    """Yield a data set and all that it wraps as ``dataset`` or ``datasets``."""
    yield dataset
    inner = [getattr(dataset, "dataset", None), *getattr(dataset, "datasets", ())]
    for nested in inner:
        if nested is not None:
            yield from nested_datasets(nested)
