import pytest

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.converters.check_against_file import (
    check_against_header,
    correct_intervals,
)
from macbdf_mm.prepare.converters.findings import Findings

HEADER = {"has_video": True, "has_audio": True, "duration_seconds": 4.0001}


@pytest.fixture
def findings():
    return Findings()


def test_a_row_gets_the_length_of_its_file(findings):
    row = check_against_header(ClipRow("a.mp4", 0, 0, 0), HEADER, findings)
    assert row == ClipRow("a.mp4", 0, 0, 0, duration_seconds=4.0)
    assert not list(findings)


@pytest.mark.parametrize(("said", "is_noted"), [(3.9, False), (6.98, True)])
def test_the_file_is_believed_where_the_table_disagrees(findings, said, is_noted):
    row = check_against_header(ClipRow("a.mp4", 0, duration_seconds=said), HEADER, findings)
    assert row.duration_seconds == 4.0
    assert [found.note for found in findings["durations_corrected"]] == (
        ["row 6.98 s, file 4.0001 s"] if is_noted else []
    )


def test_a_header_without_a_length_leaves_the_row_as_it_is(findings):
    row = ClipRow("a.mp4", 0, duration_seconds=3.0)
    assert check_against_header(row, HEADER | {"duration_seconds": None}, findings) == row


def test_a_track_that_is_not_there_has_no_label(findings):
    row = ClipRow("a.mp4", 1, 1, 1, ((0.0, 1.0),), ((0.0, 1.0),))
    silent = check_against_header(row, HEADER | {"has_audio": False}, findings)
    assert (silent.video_label, silent.audio_label, silent.audio_fake_intervals) == (1, -1, ())
    blind = check_against_header(row, HEADER | {"has_video": False}, findings)
    assert (blind.video_label, blind.audio_label, blind.video_fake_intervals) == (-1, 1, ())
    assert [kind for kind, _ in findings] == ["without_sound", "without_video"]


@pytest.mark.parametrize(("missing", "labels"), [("has_audio", (1, -1)), ("has_video", (-1, 1))])
def test_the_only_track_of_a_fake_is_the_fake_one(findings, missing, labels):
    row = check_against_header(ClipRow("a.mp4", 1), HEADER | {missing: False}, findings)
    assert (row.video_label, row.audio_label) == labels


def test_an_unreadable_file_is_kept_and_named(findings):
    row = ClipRow("a.mp4", 1, 1, 0)
    assert check_against_header(row, {"error": "a.mp4 is empty"}, findings) == row
    assert findings["unreadable_files"][0].note == "a.mp4 is empty"


def test_intervals_are_sorted_and_joined(findings):
    row = ClipRow("a.mp4", 1, 1, 0, ((2.0, 3.0), (0.5, 1.0), (0.9, 1.2)))
    assert correct_intervals(row, findings).video_fake_intervals == ((0.5, 1.2), (2.0, 3.0))
    assert not list(findings)


def test_intervals_outside_of_the_clip_are_left_out_and_noted(findings):
    row = ClipRow("a.mp4", 1, 0, 1, (), ((1.0, 2.0), (5.0, 6.0), (3.0, 3.0)), duration_seconds=4.0)
    assert correct_intervals(row, findings).audio_fake_intervals == ((1.0, 2.0),)
    assert "label 1, 4 s long" in findings["intervals_corrected"][0].note


def test_a_track_that_loses_all_intervals_is_not_taken_to_be_fake_throughout(findings):
    row = ClipRow("a.mp4", 1, 1, 0, ((5.0, 6.0),), duration_seconds=4.0)
    corrected = correct_intervals(row, findings)
    assert (corrected.label, corrected.video_label, corrected.audio_label) == (1, -1, 0)
    assert corrected.video_fake_intervals == ()


def test_intervals_of_a_real_track_are_left_out(findings):
    row = ClipRow("a.mp4", 1, 0, 1, ((1.0, 2.0),), ((1.0, 2.0),))
    corrected = correct_intervals(row, findings)
    assert (corrected.video_label, corrected.video_fake_intervals) == (0, ())
    assert corrected.audio_fake_intervals == ((1.0, 2.0),)
    assert findings["intervals_corrected"][0].note == "video [[1.0, 2.0]], label 0"
