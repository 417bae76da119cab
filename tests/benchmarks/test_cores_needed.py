import pytest

from benchmarks.cores_needed import CLIPS_A_SECOND, cores_needed, cores_table


@pytest.mark.parametrize(
    ("milliseconds", "rate", "cores"), [(10, 100, 1), (10, 101, 2), (0.5, 100, 1), (250, 8, 2)]
)
def test_cores_are_rounded_up(milliseconds: float, rate: float, cores: int) -> None:
    assert cores_needed(milliseconds, rate) == cores


@pytest.mark.parametrize("name", ["milliseconds", "clips_a_second"])
def test_values_are_checked(name: str) -> None:
    with pytest.raises(ValueError, match=f"`{name}` > 0, got 0"):
        cores_needed(**{"milliseconds": 1.0, "clips_a_second": 1.0, name: 0.0})


def test_table_says_that_it_is_arithmetic() -> None:
    text = cores_table([("crops", 10.0)])
    assert "This is arithmetic" in text
    assert "no GPU was fed" in text
    assert f"| crops | 10.0 | {' | '.join(str(rate // 100 or 1) for rate in CLIPS_A_SECOND)} |" in (
        text
    )
