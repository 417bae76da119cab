import itertools
import math

import pytest

from macbdf_mm.prepare.converters.stated_values import (
    label_of,
    published_split,
    split_fields,
    split_in_name,
    stated_intervals,
    stated_seconds,
    stated_text,
    tracks_of,
)
from macbdf_mm.structures.labels import CATEGORIES

SPELLINGS = (
    "{V}Video-{A}Audio", "{v}_video_{a}_audio", "Video{V}-Audio{A}", "audio-{a} video-{v}",
    "0{v}video_1{a}audio", "{V} Visual + {A} Audio",
)  # fmt: skip
LETTERS = ("{v}V{a}A", "V{v}-A{a}", "{v}v{a}a", "{v}V_{a}A")


@pytest.mark.parametrize("value", [None, "", math.nan])
def test_nothing_is_nothing(value):
    assert published_split(value) is None
    assert stated_text({"x": value}, "x") is None
    assert stated_seconds({"x": value}, "x") is None
    assert stated_intervals({"x": value}, "x") == stated_intervals({}, "x") == ()


def test_values():
    assert stated_text({"x": "a b"}, "x") == "a b"
    assert stated_seconds({"x": "4.25"}, "x") == 4.25
    assert stated_seconds({"x": 3}, "x") == 3.0
    assert stated_intervals({"x": [[0, 1.5], ["2", 3]]}, "x") == ((0.0, 1.5), (2.0, 3.0))


@pytest.mark.parametrize(
    ("read", "value", "message"),
    [
        (stated_text, 3, "`x` is 3, expected text"),
        (stated_seconds, 0, "`x` is 0, expected seconds > 0"),
        (stated_seconds, True, "`x` is True, expected seconds"),
        (stated_seconds, "long", "`x` is 'long', expected seconds"),
        (stated_seconds, math.inf, "`x` is inf, expected seconds"),
        (stated_intervals, "0-1", "expected a list of .start, end. in seconds"),
        (stated_intervals, [[0, 1, 2]], "expected a list"),
        (stated_intervals, [0, 1], "expected a list"),
        (stated_intervals, [[0, None]], "expected a list"),
    ],
)
def test_values_of_another_kind(read, value, message):
    with pytest.raises(ValueError, match=message):
        read({"x": value}, "x")


@pytest.mark.parametrize(("video", "audio"), itertools.product((0, 1), repeat=2))
def test_every_spelling_of_every_category(video, audio):
    words = [("Real", "Fake")[label] for label in (video, audio)]
    names = [
        spelling.format(V=words[0], A=words[1], v=words[0].lower(), a=words[1].lower())
        for spelling in SPELLINGS
    ]
    names += [letters.format(v=words[0][0], a=words[1][0]) for letters in LETTERS]
    names += [name.lower() for name in names] + [CATEGORIES[video, audio]]
    assert {name: tracks_of(name) for name in names} == dict.fromkeys(names, (video, audio))


@pytest.mark.parametrize(
    "name", ["real", "fake", "train", "", "RealVideo", "realvideo_fakevideo", "RVRARV", "videos"]
)
def test_what_is_no_category(name):
    assert tracks_of(name) is None


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("Fake", 1), (1, 1), ("1", 1), (True, 1), ("REAL", 0), (0, 0), (False, 0), ("0.0", 0),
        ("unknown", -1), (-1, -1), ("", -1), (None, -1), ("generated", None), (2, None),
    ],
)  # fmt: skip
def test_labels(value, label):
    assert label_of(value) == label


def test_words_of_ones_own():
    own = {"generated": "fake", "2": "real", "?": "unknown"}
    assert [label_of(value, own) for value in ("generated", 2, "?", "real")] == [1, 0, -1, 0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("train", "train"), ("dev", "val"), ("Validation", "val"), (" TEST ", "test"),
        ("hold-out", "hold-out"), ("", None), (None, None),
    ],
)  # fmt: skip
def test_names_of_splits(name, expected):
    assert published_split(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("test_videos", "test"), ("DFDC-validation", "val"), ("train", "train"),
        ("latest", None), ("restrain", None), ("", None),
    ],
)  # fmt: skip
def test_splits_in_names_of_folders(name, expected):
    assert split_in_name(name) == expected


def test_fields_keep_the_official_split():
    assert split_fields("dev") == {"split": "val", "extra": {"official_split": "val"}}
    assert split_fields(None) == {"split": None, "extra": {}}
