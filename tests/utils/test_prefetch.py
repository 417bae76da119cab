import threading
from collections.abc import Iterator

import pytest

from macbdf_mm.utils.prefetch import prefetch, with_last


def test_items_come_in_order_and_all_of_them() -> None:
    assert list(prefetch(iter(range(5)))) == [0, 1, 2, 3, 4]
    assert list(prefetch(iter([]))) == []


def test_next_item_is_prepared_while_one_is_in_use() -> None:
    """Each item waits for the signal that the one before it is in use: a deadlock otherwise."""
    in_use = threading.Event()

    def items() -> Iterator[str]:
        yield "first"
        assert in_use.wait(timeout=30)
        yield "second"

    results = prefetch(items())
    assert next(results) == "first"
    in_use.set()
    assert next(results) == "second"


def test_only_one_item_is_ahead() -> None:
    prepared = []

    def items() -> Iterator[int]:
        for item in range(10):
            prepared.append(item)
            yield item

    results = prefetch(items())
    assert [next(results), next(results)] == [0, 1]
    results.close()
    assert prepared == [0, 1, 2]


def test_an_interrupt_does_not_wait_for_the_item_that_is_under_way() -> None:
    aborted = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        assert aborted.wait(timeout=30)

    results = prefetch(items(), aborted.set)
    next(results)
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt)
    assert aborted.is_set()


def test_an_error_comes_where_its_item_would_have() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyError("broken")

    results = prefetch(items())
    assert next(results) == 1
    with pytest.raises(KeyError, match="broken"):
        next(results)


def test_the_last_item_is_known_as_such() -> None:
    assert list(with_last(iter("abc"))) == [("a", False), ("b", False), ("c", True)]
    assert list(with_last(iter([None]))) == [(None, True)]
    assert list(with_last(iter([]))) == []
