import json

import pytest

from macbdf_mm.prepare.faces.crop_settings import CropSettings


def test_quality_follows_the_format():
    assert (CropSettings("mp4").quality, CropSettings("jpeg").quality) == (18, 3)
    assert set(CropSettings("jpeg", quality=5).video_options.values()) == {"5"}
    assert CropSettings("mp4", quality=30).video_options["crf"] == "30"


def test_the_record_names_all_that_leaves_traces():
    record = json.loads(json.dumps(CropSettings("mp4", gop=8).record()))
    assert record["video_codec"] == "libx264"
    assert record["audio_codec"] == "flac"
    assert record["video_options"]["tune"] == "fastdecode"
    assert (record["size"], record["margin"], record["gop"], record["quality"]) == (224, 1.3, 8, 18)
    assert CropSettings("jpeg").record()["video_codec"] == "mjpeg"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(format="png"), "`format` 'mp4' or 'jpeg', got 'png'"),
        (dict(size=101), "`size` to be even and at least 16, got 101"),
        (dict(size=8), "`size` to be even and at least 16, got 8"),
        (dict(margin=0), "`margin` > 0, got 0"),
        (dict(gop=0), "`gop` > 0, got 0"),
        (dict(sample_rate=0), "`sample_rate` > 0, got 0"),
        (dict(max_hold_seconds=-1), "`max_hold_seconds` >= 0, got -1"),
        (dict(quality=52), r"`quality` in \[0, 51\] for mp4, got 52"),
        (dict(format="jpeg", quality=1), r"`quality` in \[2, 31\] for jpeg, got 1"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        CropSettings(**arguments)
