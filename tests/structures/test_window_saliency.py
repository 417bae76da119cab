import numpy as np
import pytest

from macbdf_mm.structures.window_saliency import WindowSaliency


def _saliency(frame_weights, spectrogram_weights):
    return WindowSaliency(
        "video", (0.0, 1.0), "gradients", None, frame_weights, None, spectrogram_weights
    )


@pytest.mark.parametrize(
    ("frames", "sound", "expected"),
    [
        (np.full((2, 2, 2), 0.5, np.float32), np.full((3, 4), 1.0, np.float32), 4 / 16),
        (np.ones((1, 1, 1), np.float32), None, 1.0),
        (None, np.ones((1, 1), np.float32), 0.0),
        (np.zeros((1, 1, 1), np.float32), np.zeros((1, 1), np.float32), 0.0),
    ],
)
def test_the_share_of_the_video_is_that_of_all_attributions(frames, sound, expected):
    assert _saliency(frames, sound).video_share == expected
