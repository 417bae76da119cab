import numpy as np
import pytest

from macbdf_mm.prepare.audit.shortcut_features import SHORTCUT_FEATURES

FEATURES = {feature.name: feature for feature in SHORTCUT_FEATURES}


def values(name, *checks):
    return FEATURES[name].values_of([check.measures for check in checks])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("duration", [2.0]),
        ("frame rate", [25.0]),
        ("resolution", [64, 48]),
        ("bit rate", [4000.0, 3000.0, 900.0]),
        ("sound format", [16_000, 1]),
        ("tracks", [1, 1]),
        ("loudness", [-20.0, 0.5]),
        ("leading silence", [0.3, 0.1]),
        ("brightness", [100.0]),
        ("file size", [1000]),
    ],
)
def test_columns_are_the_measures(measured, name, expected):
    check = measured(leading_silence_seconds=0.3, audio_start_seconds=0.1)
    found = values(name, check, check)
    np.testing.assert_array_equal(found, [expected, expected])
    assert FEATURES[name].is_numeric
    assert len(FEATURES[name].columns) == len(expected)


def test_what_a_file_does_not_have_is_nan(measured):
    found = values("loudness", measured(loudness_db=None, peak=None), measured())
    np.testing.assert_array_equal(found, [[np.nan, np.nan], [-20.0, 0.5]])


def test_each_codec_container_and_pixel_format_has_a_column(measured):
    files = [
        measured(),
        measured(video_codec="vp9", container_format="webm"),
        measured(video_codec=None),
    ]
    found = values("codec", *files)
    assert found.shape == (3, 2 + 3 + 1 + 1)
    assert set(np.unique(found)) == {0.0, 1.0}
    # One of each part: the container, the video's codec, its pixel format, the sound's codec.
    assert (found.sum(axis=1) == 4).all()
    assert len(np.unique(found, axis=0)) == 3
    assert not FEATURES["codec"].is_numeric


def test_rare_codecs_share_having_none_of_the_columns(measured):
    found = values("codec", *(measured(video_codec=f"c{k}") for k in range(30)))
    assert found.shape == (30, 1 + 20 + 1 + 1)


@pytest.mark.parametrize("name", FEATURES)
def test_no_files_have_no_values(name):
    assert len(values(name)) == 0
