from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from demo.articulation import draw_articulation
from demo.face import render_face
from demo.identity import draw_identity
from demo.scene import draw_scene


@pytest.fixture
def still_scene():
    scene = draw_scene(np.random.default_rng(0))
    return replace(scene, motion=0.0, exposure_drift=0.0, sensor_noise=0.0, focus_blur=0.0)


@pytest.fixture
def face():
    return draw_identity(np.random.default_rng(0)).face


@pytest.fixture
def articulation():
    return draw_articulation(np.random.default_rng(1), 2.0, 4.5)


def render(articulation, face, scene, **kwargs):
    rng = np.random.default_rng(2)
    frames, faces, mouths = render_face(articulation, face, scene, rng, **kwargs)
    return SimpleNamespace(frames=frames, face_boxes=faces, mouth_boxes=mouths)


@pytest.mark.parametrize("size", [64, 128])
def test_shapes_follow_rate_and_size(articulation, face, still_scene, size):
    video = render(articulation, face, still_scene, size=size)
    assert video.frames.shape == (50, size, size, 3)
    assert video.frames.dtype == np.uint8
    assert video.face_boxes.shape == video.mouth_boxes.shape == (50, 4)


def test_mouth_box_lies_in_the_face_and_holds_the_motion(articulation, face, still_scene):
    video = render(articulation, face, still_scene)
    motion = video.frames.astype(float).std(axis=0).mean(axis=2)
    left, top, right, bottom = video.mouth_boxes.mean(axis=0).round().astype(int)
    assert motion[top:bottom, left:right].mean() > 8 * np.median(motion)
    assert (video.mouth_boxes[:, :2] >= video.face_boxes[:, :2]).all()
    assert (video.mouth_boxes[:, 2:] <= video.face_boxes[:, 2:] + 8).all()


def test_mouth_opens_with_the_aperture(articulation, face, still_scene):
    video = render(articulation, face, still_scene)
    left, top, right, bottom = video.mouth_boxes.mean(axis=0).round().astype(int)
    mouths = video.frames[:, top:bottom, left:right].astype(float)
    aperture = articulation.at_times(articulation.aperture, (np.arange(50) + 0.5) / 25)
    closed = mouths[np.argmin(aperture)]
    change = np.abs(mouths - closed).mean(axis=(1, 2, 3))
    assert np.corrcoef(change, aperture)[0, 1] > 0.8


def test_noise_has_the_level_of_the_scene(articulation, face, still_scene):
    quiet = render(articulation, face, still_scene)
    noisy = render(articulation, face, replace(still_scene, sensor_noise=4.0))
    # A corner of the wall, where nothing moves and nothing clips.
    difference = noisy.frames[:, :12, :12].astype(float) - quiet.frames[:, :12, :12]
    assert difference.std() == pytest.approx(4.0, rel=0.1)
