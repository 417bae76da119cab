import importlib.util

import numpy as np
import pytest

from macbdf_mm.errors import MissingBackendError
from macbdf_mm.prepare.faces.mtcnn_detector import MTCNNDetector, install_line

HAS_BACKEND = importlib.util.find_spec("facenet_pytorch") is not None
needs_backend = pytest.mark.skipif(not HAS_BACKEND, reason="facenet-pytorch is not installed")


def test_without_the_backend_one_sentence_says_how_to_install_it(monkeypatch):
    # None makes the import fail as a missing package does.
    monkeypatch.setitem(__import__("sys").modules, "facenet_pytorch", None)
    with pytest.raises(
        MissingBackendError, match=r"pip install --no-deps facenet-pytorch==2\.6\.0 torchvision==0"
    ):
        MTCNNDetector()


@pytest.mark.parametrize(
    ("torch_version", "vision"),
    [("2.6.0", "==0.21.0"), ("2.7.1+cu126", "==0.22.1"), ("2.11.0", "==0.26.0"), ("3.0", " &&")],
)
def test_torchvision_is_the_one_made_for_torch(torch_version, vision):
    assert f"torchvision{vision}" in install_line(torch_version)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(min_face_pixels=0), "`min_face_pixels` > 0, got 0"),
        (dict(min_score=2), r"`min_score` in \[0, 1\], got 2"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        MTCNNDetector(**arguments)


@needs_backend
def test_rendered_heads_are_found_where_they_are():
    from demo.identity import draw_identity
    from demo.performance import render_performance
    from macbdf_mm.structures.face_track import intersection_over_union

    rng = np.random.default_rng(1)
    clip = render_performance(draw_identity(rng), 0.2, rng, size=128).clip
    found = MTCNNDetector().detect(clip.frames)
    assert len(found) == len(clip.frames)
    for detections, box in zip(found, clip.face_boxes, strict=True):
        assert detections.boxes.shape == (1, 4)
        assert detections.scores[0] > 0.9
        assert intersection_over_union(detections.boxes, box[None]).item() > 0.5


@needs_backend
def test_pictures_without_a_face_and_tiny_ones_have_none():
    detector = MTCNNDetector()
    for shape in [(2, 96, 128, 3), (2, 8, 12, 3)]:
        for detections in detector.detect(np.full(shape, 90, np.uint8)):
            assert detections.boxes.shape == (0, 4)
            assert detections.scores.shape == (0,)
