import numpy as np
import pytest

from macbdf_mm.datasets.forgery.clip import Clip
from macbdf_mm.datasets.forgery.face_operators import (
    blended_patch,
    mouth_rerender,
    mouth_swap,
    region_resample,
)
from macbdf_mm.datasets.forgery.regions import noise_level

OPERATORS = (blended_patch, mouth_swap, region_resample, mouth_rerender)


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

    def contrast(frame):
        return frame[48:51, 37:43].mean() - frame[55:58, 37:43].mean()

    own = np.array([contrast(frame) for frame in frames])
    # Among them seeds that would draw a time close to the clip's own, if it were drawn from all.
    for seed in (0, 11, 14, 23, 27, 30):
        forged = mouth_swap(clip, (0.0, 2.0), np.random.default_rng(seed), strength=0.0)
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


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_patch_has_the_noise_of_the_frame(operator):
    rng = np.random.default_rng(0)
    frames = rng.normal(120, 8, (12, 256, 256, 3)).clip(0, 255).astype(np.uint8)
    boxes = np.tile(np.float32([64, 64, 192, 192]), (12, 1))
    clip = Clip(frames, np.zeros(7680, np.float32), 25.0, 16_000, boxes, boxes)
    forged = operator(clip, (0.0, 0.48), rng, strength=1.0)
    # A share of 0.6 to 1.1 is put on a patch that has lost most of its own.
    levels = [noise_level(frame[104:152, 104:152]) for frame in forged]
    assert 0.55 < np.mean(levels) / noise_level(frames[0]) < 1.3


@pytest.mark.parametrize(
    ("operator", "moves"),
    [(blended_patch, True), (mouth_swap, True), (region_resample, False), (mouth_rerender, False)],
)
def test_pasted_faces_and_mouths_are_off_their_place_by_pixels(operator, moves):
    # Of frames four times as high as those that the jitter is stated for.
    frames = np.full((25, 512, 128, 3), 120, np.uint8)
    boxes = np.tile(np.float32([32, 192, 96, 320]), (25, 1))
    clip = Clip(frames, np.zeros(16_000, np.float32), 25.0, 16_000, boxes, boxes)
    forged = operator(clip, (0.0, 1.0), np.random.default_rng(1), strength=1.0)
    rows = np.arange(512)[:, None]
    changed = [np.abs(frame.astype(float) - 120).sum(axis=2) for frame in forged]
    places = [np.sum(rows * part) / part.sum() for part in changed if part.sum() > 1000]
    assert len(places) > 15
    assert (np.std(places) > 0.7) == moves


def mouths(contrast):
    """Return a clip whose mouth opens and closes, and 1.6 seconds of silence."""
    frames = np.full((40, 80, 80, 3), 120, np.uint8)
    opening = contrast * np.sin(np.arange(40))[:, None, None, None]
    frames[:, 46:52, 26:54] = 120 + opening
    frames[:, 52:58, 26:54] = 120 - opening
    boxes = np.tile(np.float32([30, 47, 50, 57]), (40, 1))
    return Clip(frames, np.zeros(25_600, np.float32), mouth_boxes=boxes)


def test_the_donor_s_motion_has_the_extent_of_the_clip_s_own():
    forged = mouth_rerender(
        mouths(10), (0.0, 1.6), np.random.default_rng(0), strength=0.0, donor=mouths(100)
    )
    middle = forged[:, 47:57, 35:45].mean(axis=3)
    assert np.std(middle - middle.mean(axis=(1, 2), keepdims=True)) < 20


def test_the_sign_of_a_component_does_not_matter(monkeypatch):
    clip = mouths(30)
    first = mouth_rerender(clip, (0.0, 1.6), np.random.default_rng(0))
    decompose = np.linalg.svd

    def flipped(*args, **kwargs):
        left, values, right = decompose(*args, **kwargs)
        return -left, values, -right

    monkeypatch.setattr(np.linalg, "svd", flipped)
    np.testing.assert_array_equal(mouth_rerender(clip, (0.0, 1.6), np.random.default_rng(0)), first)
