from pathlib import Path

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.splits.split_summary import SplitSummary

ROWS = [
    ClipRow("a.mp4", 0, 0, 0, identity="A", split="train"),
    ClipRow("b.mp4", 1, 1, 0, identity="A", split="train", source="a.mp4"),
    ClipRow("c.mp4", 1, 1, 1, identity="A", split="test", source="a.mp4"),
    ClipRow("d.mp4", 1, identity="B", split="test"),
    ClipRow("e.mp4", -1),
]


def test_counts_and_what_the_parts_have_in_common():
    summary = SplitSummary(Path("s.json"), {"name": "disjoint", "seed": 0}, ROWS)
    assert {part: dict(tally) for part, tally in summary.counts().items()} == {
        "no split": {"unknown": 1},
        "test": {"FVFA": 1, "unknown": 1},
        "train": {"RVRA": 1, "FVRA": 1},
    }
    assert summary.shared_identities() == 1
    assert summary.describe().splitlines() == [
        "s.json (name disjoint, seed 0)",
        "    part  clips  RVRA  FVRA  FVFA  unknown  identities",
        "no split      1     0     0     0        1           0",
        "    test      2     0     0     1        1           2",
        "   train      2     1     1     0        0           1",
        "in more than one part: 1 recordings, 1 identities",
    ]


def test_without_identities_the_parts_may_share_people():
    rows = [ClipRow("a.mp4", 0, 0, 0, split="train")]
    text = SplitSummary(Path("s.json"), {"name": "official"}, rows).describe()
    assert text.endswith(
        "no identity is known, so the parts may show the same people in other recordings"
    )
