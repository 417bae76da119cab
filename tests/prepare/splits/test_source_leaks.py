from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.splits.source_leaks import SourceLeak, find_source_leaks


def clip(file, split, source=None):
    return ClipRow(file, 0, split=split, source=source)


def test_a_clip_and_its_source_apart_leak():
    rows = [clip("real.mp4", "train"), clip("fake.mp4", "test", "real.mp4")]
    assert find_source_leaks(rows) == [
        SourceLeak("real.mp4", ("real.mp4", "fake.mp4"), ("train", "test"))
    ]


def test_two_clips_of_one_absent_source_leak_once():
    rows = [
        clip(f"{k}.mp4", split, "gone.mp4")
        for k, split in enumerate(("val", "val", "train", "test"))
    ]
    assert find_source_leaks(rows) == [SourceLeak("gone.mp4", ("0.mp4", "2.mp4"), ("val", "train"))]


def test_what_is_apart_or_in_no_part_does_not_leak():
    rows = [
        clip("a.mp4", "train"), clip("b.mp4", "test"), clip("c.mp4", "train", "a.mp4"),
        clip("d.mp4", None, "a.mp4"),
    ]  # fmt: skip
    assert find_source_leaks(rows) == []
