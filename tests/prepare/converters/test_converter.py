import pytest

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.converters.conversion_report import Findings
from macbdf_mm.prepare.converters.converter import RowCollector
from macbdf_mm.prepare.converters.media_tree import MediaTree


@pytest.fixture
def findings():
    return Findings()


@pytest.fixture
def collector(tmp_path, findings):
    for name in ("a.mp4", "b.mp4", "c.mp4", "copy.mp4"):
        (tmp_path / name).write_bytes(b"1")
    return RowCollector(MediaTree(tmp_path), findings)


def items(findings):
    return {kind: [found.item for found in of] for kind, of in findings}


def test_nothing_is_dropped_in_silence(collector, findings):
    collector.add(ClipRow("a.mp4", 1, 1, 0), "line 2")
    collector.add(ClipRow("gone.mp4", 1, 1, 0), "line 3")
    collector.add(ClipRow("a.mp4", 1, 1, 0, method="another"), "line 4")
    collector.refuse("b.mp4", "line 5", "`label` is 7")
    collector.note_copy("a.mp4", "copy.mp4")
    rows = collector.finish()
    assert [row.file for row in rows] == ["a.mp4"]
    assert rows[0].method is None  # The first row counts.
    assert collector.num_read == 4
    assert items(findings) == {
        "rows_without_files": ["gone.mp4"],
        "files_without_rows": ["c.mp4"],
        "duplicate_rows": ["a.mp4"],
        "duplicate_files": ["copy.mp4"],
        "rows_not_understood": ["b.mp4"],
    }
    assert findings["duplicate_rows"][0].note == "line 4; first in line 2"


def test_a_second_table_may_repeat_but_not_contradict(collector, findings):
    collector.add(ClipRow("a.mp4", 1, 1, 0), "list, entry 1")
    collector.confirm(ClipRow("a.mp4", 1, 1, 0), "a.json")
    assert collector.num_read == 1
    collector.confirm(ClipRow("b.mp4", 0, 0, 0), "b.json")
    collector.confirm(ClipRow("b.mp4", 1, 1, 0), "b2.json")
    assert [row.file for row in collector.finish()] == ["a.mp4"]
    assert set(items(findings)) == {"contradicting_rows", "files_without_rows"}


def test_of_rows_that_contradict_each_other_none_is_believed(collector, findings):
    for place, label in enumerate((1, 0, 1)):
        collector.add(ClipRow("a.mp4", label, label, 0), f"line {place}")
    collector.add(ClipRow("b.mp4", 1, 1, 0, ((0.0, 1.0),)), "line 3")
    collector.add(ClipRow("b.mp4", 1, 1, 0, ((0.0, 2.0),)), "line 4")
    assert collector.finish() == []
    notes = [(found.item, found.note) for found in findings["contradicting_rows"]]
    assert notes == [
        ("a.mp4", "line 0"), ("a.mp4", "line 1"), ("b.mp4", "line 3"), ("b.mp4", "line 4"),
    ]  # fmt: skip
    assert items(findings)["duplicate_rows"] == ["a.mp4"]


def test_clips_without_a_label_and_fakes_without_their_original_are_noted(collector, findings):
    collector.add(ClipRow("a.mp4", -1), "line 2")
    collector.add(ClipRow("b.mp4", 1, 1, 0, source="c.mp4"), "line 3")
    collector.add(ClipRow("c.mp4", -1, 0, -1), "line 4")
    collector.add(ClipRow("copy.mp4", 1, 1, 0, source="gone.mp4"), "line 5")
    collector.finish()
    assert items(findings) == {"unlabelled": ["a.mp4"], "originals_missing": ["copy.mp4"]}
    assert findings["originals_missing"][0].note == "original gone.mp4"
