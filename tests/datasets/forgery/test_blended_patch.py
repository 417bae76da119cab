import numpy as np

from macbdf_mm.datasets.forgery.blended_patch import blended_patch
from macbdf_mm.datasets.forgery.clip import Clip


def test_the_donors_face_replaces_the_clips_own():
    rng = np.random.default_rng(0)
    sound = np.zeros(16_000, np.float32)
    plain = Clip(np.full((25, 64, 64, 3), 128, np.uint8), sound)
    stripes = np.tile((np.arange(64) // 8 % 2 * 200).astype(np.uint8)[:, None, None], (1, 64, 3))
    donor = Clip(np.tile(stripes, (25, 1, 1, 1)), sound)
    frames = blended_patch(plain, (0.0, 1.0), rng, strength=0.0, donor=donor)
    face = frames[5, 18:44, 24:40].astype(float)
    # Stripes run across the face, and the mean is the clip's own but for tint and flicker.
    assert face.mean(axis=(1, 2)).std() > 20
    assert abs(face.mean() - 128) < 25


def test_the_patch_flickers():
    grey = Clip(np.full((50, 64, 64, 3), 128, np.uint8), np.zeros(32_000, np.float32))
    frames = blended_patch(grey, (0.0, 2.0), np.random.default_rng(0), strength=1.0)
    tone = frames[:, 28:36, 28:36].mean(axis=(1, 2, 3))
    assert tone.std() > 1.5
