"""A benchmark: something that yields rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.row import Row
from benchmarks.settings import Settings


@dataclass(frozen=True)
class Benchmark:
    """One group of measurements.

    Attributes:
        name: As the command line names it.
        measure: Yields the rows, each as soon as it is there; raises ``NotMeasuredError`` if it
            cannot be measured here.
        goals: Keys of the goals that its rows answer.
    """

    name: str
    measure: Callable[[Settings], Iterator[Row]]
    goals: tuple[str, ...] = ()
