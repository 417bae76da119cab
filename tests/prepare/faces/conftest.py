import pytest

from macbdf_mm.datasets import ClipRow, save_annotation
from macbdf_mm.prepare.faces.prepare_clip import PreparationSettings


@pytest.fixture
def blue_screen(blue_screen_detector):
    """Settings with the tests' own detector."""

    def settings(crops=None, **options):
        detector = dict(type="BlueScreenDetector", **options)
        return PreparationSettings(detector, crops=crops, imports=("blue_screen_detector",))

    return settings


@pytest.fixture
def small_set(make_face_clip, tmp_path):
    """An annotation of four clips below ``tmp_path/data``: one face, two, none, and no clip."""
    make_face_clip("data/one.mp4", seconds=1.0)
    make_face_clip("data/two.mp4", [lambda t: (20, 30), lambda t: (200, 150)], seconds=1.0)
    make_face_clip("data/none.mp4", [], seconds=1.0)
    (tmp_path / "data/broken.mp4").write_bytes(b"no video")
    rows = [
        ClipRow("one.mp4", 0, 0, 0, identity="a", split="train", duration_seconds=1.0),
        ClipRow("two.mp4", 1, 1, 0, ((0.2, 0.6),), source="one.mp4", split="train"),
        ClipRow("none.mp4", 1, 1, 1, split="test"),
        ClipRow("broken.mp4", 0, 0, 0, split="test", extra={"note": "kept"}),
    ]
    save_annotation(tmp_path / "ann.json", {"dataset": "d", "licence": "none"}, rows)
    return tmp_path / "ann.json", tmp_path / "data"
