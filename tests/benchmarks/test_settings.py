from pathlib import Path

import pytest

from benchmarks.settings import Settings
from benchmarks.timing import cpu_seconds, wall_seconds


def test_quick_has_fewer_rounds_and_can_be_made_thorough() -> None:
    quick = Settings(Path("config.py"), is_quick=True)
    assert quick.num_step_rounds == 1
    assert quick.num_rounds < quick.thorough().num_rounds
    assert quick.thorough().config == quick.config


def test_clock_goes_by_the_threads() -> None:
    assert Settings(Path(), num_threads=1).clock() is cpu_seconds
    assert Settings(Path(), num_threads=2).clock() is wall_seconds


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
