import base64
from dataclasses import replace

import cv2
import numpy as np
import pytest

from macbdf_mm.reports.saliency_pictures import saliency_pictures, spotlight
from macbdf_mm.structures.window_saliency import WindowSaliency


def _read(url):
    content = base64.b64decode(url.partition(",")[2])
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)


@pytest.fixture
def saliency():
    """Eight grey frames; the detector looks at the lower left of the last, and at low sound."""
    frames = np.full((8, 48, 48, 3), 200, np.uint8)
    weights = np.zeros(frames.shape[:3], np.float32)
    weights[7, 32:, :16] = 3.0 / 256
    sound = np.zeros((12, 30), np.float32)
    heat = sound.copy()
    heat[1, 20] = 1.0
    return WindowSaliency(
        "video", (2.0, 3.0), "gradients", frames, weights, sound, heat, (1.26, -0.5)
    )


def test_frames_are_bright_where_the_detector_looked(saliency):
    pictures = saliency_pictures(saliency)
    # One of each quarter of the window, the last with the weights.
    assert len(pictures.frames) == 4
    url, words = pictures.frames[-1]
    assert words == "2.94 s, mostly lower left"
    picture = _read(url).mean(axis=2)
    assert picture[40:, :8].mean() > 3 * picture[:8, 40:].mean()
    assert _read(pictures.frames[0][0]).mean() == pytest.approx(50, abs=3)  # A quarter of 200.


def test_the_words_say_where(saliency):
    pictures = saliency_pictures(saliency)
    assert pictures.title == "Video score, 2.0 to 3.0 s"
    assert pictures.text == (
        "The logit of the raw score, compared with an empty window: the picture changes it by "
        "+1.3, the sound changes it by -0.5."
    )
    assert pictures.map_text == "mostly low frequencies, most at 2.7 s"
    # Nothing is said of a track that was not there.
    unseen = replace(saliency, frames=None, frame_weights=None, contributions=(0.0, -0.04))
    assert saliency_pictures(unseen).text.endswith("window: the sound changes it by +0.0.")
    # Low frequencies at the bottom.
    heat = _read(pictures.map)[..., 0]
    assert np.unravel_index(heat.argmax(), heat.shape) == (10, 20)
    assert heat[:6].max() == 0


def test_a_window_without_sound_or_without_video(saliency):
    mute = WindowSaliency(
        "overall", (0, 1), "gradients", saliency.frames, saliency.frame_weights, None, None
    )
    pictures = saliency_pictures(mute)
    assert (pictures.title, pictures.text) == ("Overall score, 0.0 to 1.0 s", "")
    assert (pictures.spectrogram, pictures.map) == (None, None)
    blind = WindowSaliency(
        "audio", (0, 1), "g", None, None, saliency.spectrogram, saliency.spectrogram_weights
    )
    assert saliency_pictures(blind).frames == []


def test_a_spotlight_keeps_colours():
    frame = np.full((1, 2, 3), (200, 100, 50), np.uint8)
    lit = spotlight(frame, np.array([[0.0, 5.0]], np.float32), 2.0)
    assert lit.tolist() == [[[50, 25, 12], [200, 100, 50]]]
    half = spotlight(frame, np.array([[0.0, 0.5]], np.float32), 2.0)
    assert half[0, 1].tolist() == [125, 62, 31]
