"""Preparing the next item while the current one is in use."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def prefetch(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the items, each prepared in a thread while the one before it is in use.

    Decoding and computing run outside of Python's lock, so they overlap. An error of the
    iterator is raised where its item would have come. Never more than one item is ahead.

    Args:
        items: Used by the thread alone.
    """
    end = object()
    with ThreadPoolExecutor(max_workers=1) as thread:
        coming = thread.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, items, end)
            yield item  # type: ignore[misc]
