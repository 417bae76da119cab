from benchmarks.blocks import block_rows
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
