import json
import re

import pytest
from lavdf_tree import entry, write_lavdf_tree

from macbdf_mm.errors import AnnotationError, MissingDataError
from macbdf_mm.prepare.converters.lavdf import LavDfConverter


@pytest.fixture
def write(tmp_path, touch):
    """Write a table with these rows, and files."""

    def write(entries, files, table="metadata.json"):
        touch(*files)
        (tmp_path / table).parent.mkdir(exist_ok=True)
        (tmp_path / table).write_text(json.dumps(entries))

    return write


def fake(file, periods=((0.4, 0.8),), video=True, audio=False, **changes):
    return entry(
        file, 4.2, n_fakes=len(periods), fake_periods=[list(pair) for pair in periods],
        modify_video=video, modify_audio=audio, **changes,
    )  # fmt: skip


@pytest.mark.parametrize("with_full_table", [True, False])
def test_a_tree_as_it_is_published(tmp_path, read, with_full_table):
    truth = write_lavdf_tree(tmp_path, seconds=0.2, with_full_table=with_full_table)
    found = read(LavDfConverter())
    assert {f: (r.video_label, r.audio_label) for f, r in found.rows.items()} == truth
    assert found.num_read == 24
    assert found.findings == {"files_without_rows": ["test/999999.mp4"]}
    splits = {f.partition("/")[0]: row.split for f, row in found.rows.items()}
    assert splits == {"train": "train", "dev": "val", "test": "test"}
    for row in found.rows.values():
        period = ((0.08, 0.16),)
        assert row.video_fake_intervals == (period if row.video_label else ())
        assert row.audio_fake_intervals == (period if row.audio_label else ())
        assert row.duration_seconds == 0.2
        assert row.extra == {"official_split": row.split}
    assert found.rows["train/000003.mp4"].source == "train/000000.mp4"
    assert found.rows["train/000000.mp4"].source is None


def test_the_short_table_is_preferred_to_the_long_one_in_its_folder(write, read):
    write([fake("test/1.mp4")], ["a/test/1.mp4"], "a/metadata.min.json")
    write([entry("test/1.mp4", 4.2)], [], "a/metadata.json")
    assert read(LavDfConverter()).rows["a/test/1.mp4"].label == 1


def test_more_files_than_rows_and_more_rows_than_files(write, read):
    write([entry("test/1.mp4", 1.0), entry("test/2.mp4", 1.0)], ["test/1.mp4", "test/3.mp4"])
    found = read(LavDfConverter())
    assert list(found.rows) == ["test/1.mp4"]
    assert found.findings == {
        "rows_without_files": ["test/2.mp4"],
        "files_without_rows": ["test/3.mp4"],
    }


@pytest.mark.parametrize(
    ("original", "source"),
    [
        ("train/1.mp4", "train/1.mp4"),
        ("1.mp4", "train/1.mp4"),
        ("elsewhere/9.mp4", "elsewhere/9.mp4"),
        ("train/2.mp4", None),
        (None, None),
    ],
)
def test_originals(write, read, original, source):
    write([fake("train/2.mp4", original=original)], ["train/1.mp4", "train/2.mp4"])
    found = read(LavDfConverter())
    assert found.rows["train/2.mp4"].source == source
    is_missing = original is not None and original.startswith("elsewhere")
    assert found.findings.get("originals_missing", []) == (["train/2.mp4"] if is_missing else [])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (fake("a.mp4", periods=()), "`n_fakes` 0 and 0 `fake_periods` contradict `modify_video`"),
        (fake("a.mp4", video=False), "`n_fakes` 1 and 1 `fake_periods` contradict"),
        (fake("a.mp4", video="yes"), "`modify_video` is 'yes', expected true or false"),
        (fake("a.mp4") | {"fake_periods": [0.4, 0.8]}, "expected a list of [start, end]"),
        (fake("a.mp4") | {"duration": -1}, "`duration` is -1, expected seconds > 0"),
        ({"split": "test"}, "it has no `file`"),
        ("a.mp4", "it has no `file`"),
    ],
)
def test_rows_that_are_not_understood(write, read, row, reason):
    write([row], ["a.mp4"])
    found = read(LavDfConverter())
    assert found.rows == {}
    assert reason in found.notes["rows_not_understood"][0]


def test_what_is_no_lavdf(write, read):
    with pytest.raises(MissingDataError, match=r"No metadata\.json or metadata\.min\.json below"):
        read(LavDfConverter())
    write({"a.mp4": {"label": "REAL"}}, ["a.mp4"])
    with pytest.raises(AnnotationError, match=r"metadata\.json: expected a list, got dict"):
        read(LavDfConverter())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"n_fakes": None}, "`n_fakes` is None, expected a whole number"),
        ({"n_fakes": [[0, "1"]]}, r"`n_fakes` is \[\[0, '1'\]\], expected a whole number"),
        ({"n_fakes": True}, "`n_fakes` is True"),
        ({"modify_audio": None}, "`modify_audio` is None, expected true or false"),
        ({"fake_periods": "0-1"}, "`fake_periods` is '0-1', expected a list"),
        ({"original": ["x"]}, r"`original` is \['x'\], expected text"),
        ({"duration": "four"}, "`duration` is 'four', expected seconds"),
        ({"split": []}, r"the split is \[\]"),
    ],
)
def test_rows_with_odd_values_are_listed(write, read, changes, reason):
    write([fake("test/1.mp4") | changes, entry("test/2.mp4", 1.0)], ["test/1.mp4", "test/2.mp4"])
    found = read(LavDfConverter())
    assert found.findings == {"rows_not_understood": ["test/1.mp4"]}
    assert re.search(rf"entry 1: {reason}", found.notes["rows_not_understood"][0])


def test_absolute_paths_below_the_root(write, read, tmp_path):
    write(
        [fake(f"{tmp_path}/a/test/2.mp4", original=f"{tmp_path}/a/./test/1.mp4")],
        ["a/test/1.mp4", "a/test/2.mp4"],
        "a/metadata.json",
    )
    found = read(LavDfConverter())
    assert found.rows["a/test/2.mp4"].source == "a/test/1.mp4"


def test_rows_without_a_name_of_a_file(write, read):
    write([{"file": 3}, {"file": "\ud800"}, 4, entry("./test\\2.MP4", 1.0)], ["test/2.mp4"])
    found = read(LavDfConverter())
    assert found.findings["rows_not_understood"] == ["3", "\ud800", "None"]
    assert list(found.rows) == ["test/2.mp4"]
