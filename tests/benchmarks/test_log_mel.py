from benchmarks.log_mel import measure_log_mel
from benchmarks.settings import Settings


def test_cached_transform_is_compared_with_a_rebuilt_one(tiny_settings: Settings) -> None:
    (row,) = measure_log_mel(tiny_settings)
    assert row.ratio > 0
    assert row.goal is None
