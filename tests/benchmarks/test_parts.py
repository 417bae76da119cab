from benchmarks.parts import (
    ENCODER_PEERS,
    block_rows,
    measure_encoder,
    measure_log_mel,
    measure_towers,
)
from benchmarks.settings import Settings


def test_both_passes_are_compared_with_both_peers(tiny_settings: Settings) -> None:
    goals = {"forward + backward": "block", "forward": "block_forward"}
    rows = list(block_rows("video", 1, 3, (2, 3, 4), tiny_settings, goals))
    found = [(row.what, row.peer.split(",")[0], row.goal) for row in rows]
    assert found == [
        ("video block, forward + backward", "stock layers", "block"),
        ("video block, forward + backward", "the same block over nn.Conv", None),
        ("video block, forward", "stock layers", "block_forward"),
        ("video block, forward", "the same block over nn.Conv", None),
    ]
    assert {row.setting for row in rows} == {"B=1, C=3, 2x3x4"}
    assert all(row.num_rounds == tiny_settings.num_rounds for row in rows)


def test_towers_of_the_config_are_compared_with_both_peers(tiny_settings: Settings) -> None:
    rows = list(measure_towers(tiny_settings))
    assert [row.goal for row in rows] == ["towers", None]
    assert {row.setting for row in rows} == {"B=1, 12x8x2x2 and 12x8x8"}


def test_encoder_of_the_config_is_compared_with_both_kinds_of_attention(
    tiny_settings: Settings,
) -> None:
    rows = list(measure_encoder(tiny_settings))
    assert [row.peer for row in rows] == list(ENCODER_PEERS)
    assert {row.setting for row in rows} == {"B=1, 16x32x32, width 24"}


def test_cached_transform_is_compared_with_a_rebuilt_one(tiny_settings: Settings) -> None:
    (row,) = measure_log_mel(tiny_settings)
    assert row.ratio > 0
    assert row.goal is None
