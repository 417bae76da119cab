import numpy as np

from macbdf_mm.datasets.forgery.clip import Clip
from macbdf_mm.datasets.forgery.face_operators import (
    blended_patch,
    mouth_rerender,
    mouth_swap,
    region_resample,
)


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


def test_the_mouth_is_that_of_another_time():
    # A mouth whose lower half tells the time: its contrast grows from frame to frame.
    frames = np.full((50, 80, 80, 3), 120, np.uint8)
    boxes = np.tile(np.float32([30, 45, 50, 60]), (50, 1))
    for index in range(50):
        frames[index, 52:62, 28:52] = 120 - 2 * index
    clip = Clip(frames, np.zeros(32_000, np.float32), mouth_boxes=boxes)
    forged = mouth_swap(clip, (0.0, 2.0), np.random.default_rng(0), strength=0.0)

    def contrast(frame):
        return frame[48:51, 37:43].mean() - frame[55:58, 37:43].mean()

    own = np.array([contrast(frame) for frame in frames])
    swapped = np.array([contrast(frame) for frame in forged])
    scores = [np.corrcoef(np.roll(own, -shift), swapped)[0, 1] for shift in range(50)]
    assert 50 // 4 <= int(np.argmax(scores)) <= 3 * 50 // 4
    assert max(scores) > 0.8


def test_the_region_is_held_while_the_rest_moves_on():
    frames = np.empty((40, 64, 64, 3), np.uint8)
    frames[:] = (3 * np.arange(40) + 60)[:, None, None, None]
    clip = Clip(frames, np.zeros(25_600, np.float32))
    forged = region_resample(clip, (0.0, 1.6), np.random.default_rng(0), strength=0.0)
    middle = forged[:, 30, 32].mean(axis=1)
    steps = np.flatnonzero(np.diff(middle))
    # The tone moves only when a new look is taken, every third frame or rarer.
    assert np.diff(steps).min() >= 3
    np.testing.assert_array_equal(forged[:, 0, 0], frames[:, 0, 0])
