import itertools

import pytest

from macbdf_mm.prepare.converters.category_names import label_of, tracks_of
from macbdf_mm.structures.labels import CATEGORIES

SPELLINGS = (
    "{V}Video-{A}Audio", "{v}_video_{a}_audio", "Video{V}-Audio{A}", "audio-{a} video-{v}",
    "0{v}video_1{a}audio", "{V} Visual + {A} Audio",
)  # fmt: skip
LETTERS = ("{v}V{a}A", "V{v}-A{a}", "{v}v{a}a", "{v}V_{a}A")


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
