import pytest

from macbdf_mm.structures.labels import (
    CATEGORIES,
    FAKE,
    REAL,
    UNKNOWN,
    category_of,
    clip_label,
    labels_contradict,
)


@pytest.mark.parametrize(
    ("video", "audio", "expected"),
    [
        (REAL, REAL, REAL),
        (FAKE, REAL, FAKE),
        (REAL, FAKE, FAKE),
        (FAKE, FAKE, FAKE),
        (FAKE, UNKNOWN, FAKE),
        (UNKNOWN, FAKE, FAKE),
        (REAL, UNKNOWN, UNKNOWN),
        (UNKNOWN, REAL, UNKNOWN),
        (UNKNOWN, UNKNOWN, UNKNOWN),
    ],
)
def test_clip_label_follows_from_the_tracks(video, audio, expected):
    assert clip_label(video, audio) == expected


def test_category_names_video_before_audio():
    assert category_of(FAKE, REAL) == "FVRA"
    assert category_of(REAL, FAKE) == "RVFA"
    assert set(CATEGORIES.values()) == {"RVRA", "FVRA", "RVFA", "FVFA"}


def test_category_needs_both_tracks():
    assert category_of(UNKNOWN, FAKE) is None
    assert category_of(REAL, UNKNOWN) is None


def test_only_a_known_label_against_a_known_implication_contradicts():
    contradicting = {
        (label, video, audio)
        for label in (1, 0, -1)
        for video in (1, 0, -1)
        for audio in (1, 0, -1)
        if labels_contradict(label, video, audio)
    }
    assert contradicting == {
        (REAL, FAKE, REAL),
        (REAL, REAL, FAKE),
        (REAL, FAKE, FAKE),
        (REAL, FAKE, UNKNOWN),
        (REAL, UNKNOWN, FAKE),
        (FAKE, REAL, REAL),
    }
