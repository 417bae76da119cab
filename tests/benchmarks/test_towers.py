from benchmarks.settings import Settings
from benchmarks.towers import measure_towers


def test_towers_of_the_config_are_compared_with_both_peers(tiny_settings: Settings) -> None:
    rows = list(measure_towers(tiny_settings))
    assert [row.goal for row in rows] == ["towers", None]
    assert {row.setting for row in rows} == {"B=1, 12x8x2x2 and 12x8x8"}
