import os
from dataclasses import replace

import pytest

from macbdf_mm.datasets import ClipRow
from macbdf_mm.prepare.faces.crop_settings import CropSettings
from macbdf_mm.prepare.faces.find_faces import TrackingSettings
from macbdf_mm.prepare.faces.preparation_settings import PreparationSettings

ROW = ClipRow("a.mp4", 0)
SETTINGS = PreparationSettings(dict(type="D", device="cpu"))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"1234")
    os.utime(path, (100, 100))
    return path


def test_the_key_is_the_same_for_the_same(path):
    assert SETTINGS.key(ROW, path) == replace(SETTINGS).key(ClipRow("a.mp4", 1), path)


@pytest.mark.parametrize(
    "change",
    [
        dict(detector=dict(type="D", device="cuda")),
        dict(tracking=TrackingSettings(step_seconds=0.4)),
        dict(crops=CropSettings(size=32)),
        dict(detector=None),
    ],
)
def test_the_key_changes_with_the_settings(path, change):
    assert replace(SETTINGS, **change).key(ROW, path) != SETTINGS.key(ROW, path)


def test_the_key_changes_with_the_file(path):
    key = SETTINGS.key(ROW, path)
    assert SETTINGS.key(ClipRow("b.mp4", 0), path) != key
    os.utime(path, (101, 101))
    assert SETTINGS.key(ROW, path) != key
    path.unlink()
    assert SETTINGS.key(ROW, path) != key


def test_own_boxes_count_where_they_are_used(path):
    boxed = replace(ROW, faces=({"times_seconds": [0.0], "boxes": [[0, 0, 1, 1]]},))
    assert SETTINGS.key(boxed, path) == SETTINGS.key(ROW, path)
    own = replace(SETTINGS, detector=None)
    assert own.key(boxed, path) != own.key(ROW, path)


def test_the_record_says_what_was_used():
    assert SETTINGS.record()["tracking"]["step_seconds"] == 0.2
    own = PreparationSettings(None, crops=CropSettings("jpeg")).record()
    assert (own["detector"], own["tracking"]) == ("annotation", None)
    assert own["crops"]["video_codec"] == "mjpeg"
