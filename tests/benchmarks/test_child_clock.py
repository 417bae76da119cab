import time

import pytest

from benchmarks.child_clock import clock_with, process_seconds
from macbdf_mm.media.decoding_process import DecodingProcess

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
