from functools import cache

import cv2
import numpy as np
import pytest

from demo.identity import draw_identity
from demo.performance import render_performance
from macbdf_mm.datasets.forgery.clip import Clip
from macbdf_mm.datasets.forgery.operators import (
    AUDIO_OPERATORS,
    TEST_ONLY_OPERATORS,
    VIDEO_OPERATORS,
)

INTERVAL = (0.48, 1.2)
ORIGINS = ("rendered", "filmed")


@cache
def make_clip(origin, seed=0):
    """Return two seconds; the filmed one has no boxes, an odd rate, and no rendered face."""
    rng = np.random.default_rng(seed)
    if origin == "rendered":
        return render_performance(draw_identity(rng), 2.0, rng, size=96).clip
    coarse = rng.uniform(30, 220, (60, 9, 12, 3)).astype(np.float32)
    frames = np.stack([cv2.resize(image, (120, 90)) for image in np.cumsum(coarse, 0) % 255])
    noisy = (frames + rng.normal(0, 3, frames.shape)).clip(0, 255).astype(np.uint8)
    sound = rng.standard_normal(44_100 * 2) * np.abs(np.sin(np.arange(88_200) / 9000))
    return Clip(noisy, (0.1 * sound).astype(np.float32), fps=30.0, sample_rate=44_100)


def forge(operators, name, clip, seed=1, **kwargs):
    return operators[name](clip, INTERVAL, np.random.default_rng(seed), **kwargs)


@pytest.mark.parametrize("with_donor", [False, True])
@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("name", VIDEO_OPERATORS)
def test_video_operators_change_the_interval_and_nothing_else(name, origin, with_donor):
    clip = make_clip(origin)
    before = clip.frames.copy()
    donor = make_clip("rendered", seed=9) if with_donor else None
    frames = forge(VIDEO_OPERATORS, name, clip, strength=0.8, donor=donor)
    assert frames.shape == clip.frames.shape
    assert frames.dtype == np.uint8
    np.testing.assert_array_equal(clip.frames, before)
    changed = np.flatnonzero((frames != clip.frames).any(axis=(1, 2, 3)))
    expected = [i for i in range(len(frames)) if INTERVAL[0] <= i / clip.fps < INTERVAL[1]]
    np.testing.assert_array_equal(changed, expected)


@pytest.mark.parametrize("with_donor", [False, True])
@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("name", AUDIO_OPERATORS)
def test_audio_operators_change_the_interval_and_nothing_else(name, origin, with_donor):
    clip = make_clip(origin)
    before = clip.waveform.copy()
    donor = make_clip("rendered", seed=9) if with_donor else None
    waveform = forge(AUDIO_OPERATORS, name, clip, strength=0.8, donor=donor)
    assert waveform.shape == clip.waveform.shape
    assert waveform.dtype == np.float32
    assert np.abs(waveform).max() <= 1
    np.testing.assert_array_equal(clip.waveform, before)
    start, end = (round(time * clip.sample_rate) for time in INTERVAL)
    np.testing.assert_array_equal(waveform[:start], before[:start])
    np.testing.assert_array_equal(waveform[end:], before[end:])
    # Only where the cross-fade begins can a sample stay what it was.
    assert np.mean(waveform[start:end] != before[start:end]) > 0.7


@pytest.mark.parametrize("name", AUDIO_OPERATORS)
def test_audio_operators_keep_the_loudness(name):
    clip = make_clip("rendered")
    start, end = (round(time * clip.sample_rate) for time in INTERVAL)
    waveform = forge(AUDIO_OPERATORS, name, clip, strength=1.0)
    before, after = (np.std(sound[start:end]) for sound in (clip.waveform, waveform))
    assert 20 * np.log10(after / before) == pytest.approx(0, abs=1)


@pytest.mark.parametrize("name", VIDEO_OPERATORS)
def test_video_operators_leave_the_background_alone(name):
    clip = make_clip("rendered")
    changed = (forge(VIDEO_OPERATORS, name, clip, strength=1.0) != clip.frames).any(axis=(0, 3))
    left, top = clip.face_boxes[:, :2].min(axis=0).astype(int) - 4
    right, bottom = clip.face_boxes[:, 2:].max(axis=0).astype(int) + 8
    changed[top:bottom, left:right] = False
    assert not changed.any()


@pytest.mark.parametrize(
    ("operators", "name"),
    [(VIDEO_OPERATORS, n) for n in VIDEO_OPERATORS]
    + [(AUDIO_OPERATORS, n) for n in AUDIO_OPERATORS],
)
def test_same_seed_same_forgery(operators, name):
    clip = make_clip("rendered")
    first, again, other = (forge(operators, name, clip, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("name", VIDEO_OPERATORS)
def test_stronger_video_forgeries_differ_more(name):
    clip = make_clip("rendered")
    original = clip.frames.astype(float)

    def change(strength):
        forged = [forge(VIDEO_OPERATORS, name, clip, k, strength=strength) for k in range(6)]
        return np.mean([np.abs(frames - original).mean() for frames in forged])

    assert change(1.0) > 1.1 * change(0.0)


@pytest.mark.parametrize("operators", [VIDEO_OPERATORS, AUDIO_OPERATORS])
def test_an_interval_outside_the_clip_is_refused(operators):
    for operator in operators.values():
        with pytest.raises(ValueError, match=r"Expected `interval` to hold a (frame|sample)"):
            operator(make_clip("rendered"), (5.0, 6.0), np.random.default_rng(0))


def test_one_operator_a_track_is_held_out():
    for operators in (VIDEO_OPERATORS, AUDIO_OPERATORS):
        assert len(TEST_ONLY_OPERATORS & set(operators)) == 1
        assert len(operators) == 4
