import pytest

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.converters.dfdc_tracks import audio_label, label_tracks, video_label
from macbdf_mm.prepare.converters.findings import Findings

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


def label(sound, picture, has_audio=True, **options):
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
    row, is_uncertain = label(sound, picture)
    assert (row.label, row.video_label, row.audio_label) == (1, video, audio)
    assert is_uncertain == (-1 in (video, audio))


def test_without_sound_only_the_video_can_be_fake():
    row, is_uncertain = label("none", "unsure", has_audio=False)
    assert (row.video_label, row.audio_label, is_uncertain) == (1, -1, False)
    assert label("none", "real", has_audio=False)[0].video_label == -1
    row = label_tracks(ROW, None, False, Findings())
    assert (row.video_label, row.audio_label) == (1, -1)


def test_a_missing_original_leaves_both_unknown():
    findings = Findings()
    assert label_tracks(ROW, None, True, findings) == ROW
    assert not list(findings)  # Missing originals are listed as such.


def test_the_rule_of_the_community_is_an_option():
    rule = {"audio_fake_implies_video_fake": True}
    assert label("fake", "unsure", **rule)[0].category == "FVFA"
    assert label("fake", "real", **rule)[0].category == "FVFA"
    assert label("real", "real", **rule)[0].category == "FVRA"
    assert label_tracks(ROW, None, True, Findings(), **rule).video_label == 1


def test_what_was_measured_is_kept():
    row, _ = label("fake", "real")
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
