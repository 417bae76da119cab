import time
from functools import partial

import pytest
import torch

from benchmarks.timing import clock_of, clock_with, measure_in_turns, process_seconds
from macbdf_mm.media.decoding_process import DecodingProcess


def test_clock_goes_by_device_and_threads() -> None:
    assert clock_of(torch.device("cpu"), 1) is time.process_time
    assert clock_of(torch.device("cpu"), 2) is time.perf_counter


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_work_of_the_device_is_waited_for() -> None:
    matrix = torch.randn(8192, 8192, device="cuda")
    clock = clock_of(torch.device("cuda", 0), 1)
    calls = {"asked for": lambda: matrix @ matrix}
    (seen,) = measure_in_turns(calls, clock, 1)["asked for"]
    (asked,) = measure_in_turns(calls, time.perf_counter, 1)["asked for"]
    assert seen > 2 * asked  # asking for a product takes some microseconds


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
        calls = {
            "here": partial(burn, ""),
            "there": partial(process.call, exec, WORK),
            "waiting": partial(process.call, eval, f"__import__('time').sleep({SECONDS})"),
        }
        ms = measure_in_turns(calls, clock_with(process), 1)
    assert ms["here"] == pytest.approx((1e3 * SECONDS,), rel=0.5)
    assert ms["there"] == pytest.approx((1e3 * SECONDS,), rel=0.5)
    assert ms["waiting"][0] < 1e3 * SECONDS / 2


class Journal:
    """Calls that note their name, and a clock by which each takes the time that it claims."""

    def __init__(self, **seconds: float) -> None:
        self.seconds = seconds
        self.entries: list[str] = []
        self.calls = {name: partial(self.entries.append, name) for name in seconds}

    def clock(self) -> float:
        return sum(self.seconds[name] for name in self.entries)


def test_every_round_gives_all_calls_a_turn_and_alternates_the_order() -> None:
    journal = Journal(a=1.0, b=2.0)
    times = measure_in_turns(journal.calls, journal.clock, num_rounds=3)
    assert times == {"a": (1e3,) * 3, "b": (2e3,) * 3}
    # Each is warmed up by the one call that tells how long it takes.
    assert journal.entries == ["a", "b", *"ab", *"ba", *"ab"]


def test_short_calls_are_repeated_and_the_time_is_that_of_one() -> None:
    journal = Journal(a=1e-3, b=1e-9)
    times = measure_in_turns(journal.calls, journal.clock, num_rounds=1)
    assert times["a"] == pytest.approx((1.0,))
    assert times["b"] == pytest.approx((1e-6,))
    # Two calls to warm up, then five of a millisecond, and no more than a hundred of b.
    assert journal.entries.count("a") == 2 + 5
    assert journal.entries.count("b") == 2 + 100


def test_no_rounds_are_refused() -> None:
    with pytest.raises(ValueError, match="`num_rounds` > 0, got 0"):
        measure_in_turns({}, time.perf_counter, num_rounds=0)
