import time
from pathlib import Path

import pytest

from benchmarks.settings import Settings


def test_quick_has_fewer_rounds() -> None:
    quick, thorough = Settings(Path("config.py"), is_quick=True), Settings(Path("config.py"))
    assert quick.num_step_rounds == 1 < thorough.num_step_rounds
    assert quick.num_rounds < thorough.num_rounds
    calls = {"a": lambda: time.sleep(1e-4)}
    assert len(quick.measure(calls)["a"]) == quick.num_rounds
    assert len(quick.measure(calls, 2)["a"]) == 2


def test_one_thread_is_timed_without_its_waiting() -> None:
    calls = {"a": lambda: time.sleep(0.02)}
    (own,) = Settings(Path(), num_threads=1).measure(calls, 1)["a"]
    (wall,) = Settings(Path(), num_threads=2).measure(calls, 1)["a"]
    assert own < 10 < 20 <= wall


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(num_threads=0), r"`num_threads` \(--threads\) > 0, got 0"),
        (dict(seed=-1), r"`seed` \(--seed\) >= 0, got -1"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Settings(Path("config.py"), **options)
