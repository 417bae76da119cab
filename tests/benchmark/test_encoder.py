from macbdf_mm.benchmark.encoder import PEERS, measure_encoder
from macbdf_mm.benchmark.settings import Settings


def test_encoder_of_the_config_is_compared_with_both_kinds_of_attention(
    tiny_settings: Settings,
) -> None:
    rows = list(measure_encoder(tiny_settings))
    assert [row.peer for row in rows] == list(PEERS)
    assert {row.setting for row in rows} == {"B=1, 16x32x32, width 24"}
