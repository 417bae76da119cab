"""Preparing the next item while one is in use."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def prefetch(items: Iterator[Item], abort: Callable[[], None] = lambda: None) -> Iterator[Item]:
    """Yield the items, each prepared in a thread while the one before it is in use.

    Decoding and computing run outside of Python's lock, so they overlap. An error of the
    iterator is raised where its item would have come. Never more than one item is ahead.

    Args:
        items: Used by the thread alone.
        abort: Called on Ctrl-C, so that the item that is under way need not be waited for.
    """
    end = object()
    with ThreadPoolExecutor(max_workers=1) as thread:
        coming = thread.submit(next, items, end)
        try:
            while (item := coming.result()) is not end:
                coming = thread.submit(next, items, end)
                yield item  # type: ignore[misc]
        except KeyboardInterrupt:
            abort()
            raise


def with_last(items: Iterator[Item]) -> Iterator[tuple[Item, bool]]:
    """Yield the items, each with whether it is the last; the next one is made before."""
    end = object()
    item = next(items, end)
    while item is not end:
        following = next(items, end)
        yield item, following is end  # type: ignore[misc]
        item = following
