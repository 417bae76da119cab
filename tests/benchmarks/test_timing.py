import time
from collections.abc import Callable

import pytest
import torch

from benchmarks.timing import (
    Comparison,
    clock_of,
    clock_with,
    compare,
    cpu_seconds,
    cuda_seconds,
    measure_in_turns,
    median_and_range,
    process_seconds,
    wall_seconds,
)
from macbdf_mm.media.decoding_process import DecodingProcess


def spin() -> None:
    end = time.process_time() + 0.02
    while time.process_time() < end:
        pass


def test_processor_time_counts_work_and_not_waiting() -> None:
    assert cpu_seconds(spin) >= 0.02
    assert cpu_seconds(lambda: time.sleep(0.05)) < 0.04
    assert wall_seconds(lambda: time.sleep(0.05)) >= 0.05


def test_clock_goes_by_device_and_threads() -> None:
    assert clock_of(torch.device("cpu"), 1) is cpu_seconds
    assert clock_of(torch.device("cpu"), 2) is wall_seconds
    assert clock_of(torch.device("cuda", 0), 1) is cuda_seconds


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_events_see_the_work_of_the_device() -> None:
    matrix = torch.randn(2048, 2048, device="cuda")
    cuda_seconds(lambda: matrix @ matrix)
    assert 0 < cuda_seconds(lambda: matrix @ matrix) < 1


SECONDS = 0.2
# `exec` stands in for a decoder that works, `eval` for one that waits.
WORK = f"import time\nend = time.process_time() + {SECONDS}\nwhile time.process_time() < end: pass"


def burn(path: str) -> None:
    begin = time.process_time()
    while time.process_time() - begin < SECONDS:
        pass


def test_work_of_both_processes_counts_and_waiting_does_not() -> None:
    with DecodingProcess() as process:
        process.call(process_seconds, "")
        clock = clock_with(process)
        here = clock(lambda: burn(""))
        there = clock(lambda: process.call(exec, WORK))
        waiting = clock(lambda: process.call(eval, f"__import__('time').sleep({SECONDS})"))
    assert here == pytest.approx(SECONDS, rel=0.5)
    assert there == pytest.approx(SECONDS, rel=0.5)
    assert waiting < SECONDS / 2


class Journal:
    """Calls that note their name, and a clock by which each takes the time that it claims."""

    def __init__(self, **seconds: float) -> None:
        self.seconds = seconds
        self.entries: list[str] = []

    def call(self, name: str) -> Callable[[], None]:
        return lambda: self.entries.append(name)

    def clock(self, call: Callable[[], object]) -> float:
        start = len(self.entries)
        call()
        return sum(self.seconds[name] for name in self.entries[start:])


def test_ratios_are_those_of_each_round() -> None:
    comparison = Comparison(seconds=(1.0, 2.0, 4.0), peer_seconds=(2.0, 2.0, 2.0))
    assert comparison.speedups == (2.0, 1.0, 0.5)
    assert comparison.costs == (0.5, 1.0, 2.0)
    assert median_and_range(comparison.speedups) == (1.0, 0.5, 2.0)


def test_every_round_gives_all_calls_a_turn_and_alternates_the_order() -> None:
    journal = Journal(a=1.0, b=2.0)
    calls = {name: journal.call(name) for name in "ab"}
    seconds = measure_in_turns(calls, journal.clock, num_rounds=3)
    assert seconds == {"a": (1.0,) * 3, "b": (2.0,) * 3}
    # Each is warmed up by the one call that tells how long it takes.
    assert journal.entries == ["a", "b", *"ab", *"ba", *"ab"]


def test_short_calls_are_repeated_and_the_time_is_that_of_one() -> None:
    journal = Journal(a=1e-3, b=1e-9)
    seconds = measure_in_turns(
        {name: journal.call(name) for name in "ab"}, journal.clock, num_rounds=1
    )
    assert seconds["a"] == pytest.approx((1e-3,))
    assert seconds["b"] == pytest.approx((1e-9,))
    # Two calls to warm up, then five of a millisecond, and no more than a hundred of b.
    assert journal.entries.count("a") == 2 + 5
    assert journal.entries.count("b") == 2 + 100


def test_comparison_is_of_call_and_peer() -> None:
    journal = Journal(own=1.0, other=3.0)
    comparison = compare(journal.call("own"), journal.call("other"), journal.clock, num_rounds=2)
    assert comparison.speedups == (3.0, 3.0)


def test_no_rounds_are_refused() -> None:
    with pytest.raises(ValueError, match="`num_rounds` > 0, got 0"):
        measure_in_turns({}, lambda call: 0.0, num_rounds=0)
