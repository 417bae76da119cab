import pytest

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.converters.check_against_file import (
    audio_label,
    check_against_header,
    correct_intervals,
    label_tracks,
    video_label,
)
from macbdf_mm.prepare.converters.conversion_report import Findings

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


def test_intervals_begin_with_the_clip(findings):
    row = ClipRow("a.mp4", 1, 1, 0, ((-0.04, 1.0),), duration_seconds=4.0)
    assert correct_intervals(row, findings).video_fake_intervals == ((0.0, 1.0),)


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


ROW = ClipRow("fake.mp4", 1, source="real.mp4", extra={"official_split": "train"})
# How a track compares -> the fields of the comparison.
SOUND = {
    "real": {"audio_correlation": 0.99, "audio_min_correlation": 0.97, "audio_lag_seconds": 0.0},
    "fake": {"audio_correlation": 0.2, "audio_min_correlation": 0.1, "audio_lag_seconds": 0.3},
    "unsure": {"audio_correlation": 0.9, "audio_min_correlation": 0.8, "audio_lag_seconds": 0.0},
    "none": {},
    "silent": {"audio_silence": "both"},
    "muted": {"audio_silence": "clip"},
}
PICTURE = {
    "real": {"video_difference": 1.2},
    "fake": {"video_difference": 30.0},
    "unsure": {"video_difference": 5.0},
    "none": {},
}


def labelled(sound, picture, has_audio=True, **options):
    findings = Findings()
    row = label_tracks(ROW, SOUND[sound] | PICTURE[picture], has_audio, findings, **options)
    return row, bool(findings["tracks_uncertain"])


@pytest.mark.parametrize(
    ("sound", "picture", "video", "audio"),
    [
        ("real", "fake", 1, 0),
        ("fake", "fake", 1, 1),
        ("fake", "real", 0, 1),
        # One track is the original's, so the other is the fake one.
        ("real", "unsure", 1, 0),
        ("real", "none", 1, 0),
        ("silent", "unsure", 1, 0),
        ("unsure", "real", 0, 1),
        # It cannot be told.
        ("unsure", "fake", 1, -1),
        ("fake", "unsure", -1, 1),
        ("unsure", "unsure", -1, -1),
        ("muted", "fake", 1, -1),
        ("muted", "real", 0, -1),
        ("none", "fake", 1, -1),
        ("none", "real", 0, -1),
        # The label says fake, and nothing differs: one of both is wrong.
        ("real", "real", -1, -1),
        ("silent", "real", -1, -1),
    ],
)
def test_labels_follow_from_both_comparisons(sound, picture, video, audio):
    row, is_uncertain = labelled(sound, picture)
    assert (row.label, row.video_label, row.audio_label) == (1, video, audio)
    assert is_uncertain == (-1 in (video, audio))


def test_without_sound_only_the_video_can_be_fake():
    row, is_uncertain = labelled("none", "unsure", has_audio=False)
    assert (row.video_label, row.audio_label, is_uncertain) == (1, -1, False)
    assert labelled("none", "real", has_audio=False)[0].video_label == -1
    row = label_tracks(ROW, None, False, Findings())
    assert (row.video_label, row.audio_label) == (1, -1)


def test_a_missing_original_leaves_both_unknown():
    findings = Findings()
    assert label_tracks(ROW, None, True, findings) == ROW
    assert not list(findings)  # Missing originals are listed as such.


def test_the_rule_of_the_community_is_an_option():
    rule = {"audio_fake_implies_video_fake": True}
    assert labelled("fake", "unsure", **rule)[0].category == "FVFA"
    assert labelled("fake", "real", **rule)[0].category == "FVFA"
    assert labelled("real", "real", **rule)[0].category == "FVRA"
    assert label_tracks(ROW, None, True, Findings(), **rule).video_label == 1


def test_what_was_measured_is_kept():
    row, _ = labelled("fake", "real")
    assert row.extra == {
        "official_split": "train", "audio_correlation": 0.2, "audio_min_correlation": 0.1,
        "audio_lag_seconds": 0.3, "video_difference": 1.2,
    }  # fmt: skip


def test_a_file_that_could_not_be_compared_is_listed_with_the_reason():
    findings = Findings()
    row = label_tracks(ROW, {"error": "x.mp4 is empty"}, True, findings)
    assert (row.video_label, row.audio_label) == (-1, -1)
    assert findings["tracks_uncertain"][0].note == "x.mp4 is empty"


@pytest.mark.parametrize(("value", "expected"), [(0.9, 0), (0.89, -1), (0.61, -1), (0.6, 1)])
def test_limits_of_the_sound(value, expected):
    assert audio_label({"audio_min_correlation": value}) == expected


@pytest.mark.parametrize(("value", "expected"), [(2.5, 0), (2.6, -1), (6.9, -1), (7.0, 1)])
def test_limits_of_the_pictures(value, expected):
    assert video_label({"video_difference": value}) == expected
