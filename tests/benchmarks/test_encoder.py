from benchmarks.encoder import PEERS, measure_encoder
from benchmarks.settings import Settings


def test_encoder_of_the_config_is_compared_with_both_kinds_of_attention(
    tiny_settings: Settings,
) -> None:
    rows = list(measure_encoder(tiny_settings))
    assert [row.peer for row in rows] == list(PEERS)
    assert {row.setting for row in rows} == {"B=1, 16x32x32, width 24"}
