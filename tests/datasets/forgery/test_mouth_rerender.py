import numpy as np

from macbdf_mm.datasets.forgery.clip import Clip
from macbdf_mm.datasets.forgery.mouth_rerender import mouth_rerender


def test_detail_that_changes_from_frame_to_frame_is_lost():
    rng = np.random.default_rng(0)
    frames = rng.normal(120, 25, (40, 80, 80, 3)).clip(0, 255).astype(np.uint8)
    boxes = np.tile(np.float32([25, 40, 55, 60]), (40, 1))
    clip = Clip(frames, np.zeros(25_600, np.float32), mouth_boxes=boxes)
    forged = mouth_rerender(clip, (0.0, 1.6), rng, strength=0.0)

    def neighbours(video):
        # Differences between pixels side by side carry the detail, not the tone.
        return np.diff(video[:, 45:55, 32:48].astype(float), axis=2)

    # The re-added noise is that of the frame, so compare with the noise in mind: the same
    # detail may not survive.
    kept = np.corrcoef(neighbours(frames).ravel(), neighbours(forged).ravel())[0, 1]
    assert abs(kept) < 0.35


def test_a_single_frame_can_be_rebuilt():
    clip = Clip(np.full((1, 64, 64, 3), 90, np.uint8), np.zeros(640, np.float32))
    forged = mouth_rerender(clip, (0.0, 0.04), np.random.default_rng(0))
    assert forged.shape == clip.frames.shape
