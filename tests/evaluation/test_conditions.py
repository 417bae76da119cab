from itertools import pairwise

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from macbdf_mm.datasets.build_transforms import build_transforms
from macbdf_mm.evaluation.conditions import (
    CORRUPTIONS,
    MASKED,
    PROBES,
    corruption_conditions,
)


def clip(rng):
    # Smooth in space, so that blurring and scaling take little at low levels and more at high ones.
    rough = rng.integers(0, 255, (16, 64, 64, 3)).astype(np.uint8)
    imgs = [cv2.GaussianBlur(image, (0, 0), 1.5) for image in rough]
    return dict(
        imgs=imgs,
        video_valid=np.ones(16, bool),
        waveform=gaussian_filter1d(0.3 * rng.standard_normal(20_480), 1).astype(np.float32),
        audio_valid=np.ones(20_480, bool),
        sample_rate=16_000,
        span_seconds=(0.0, 1.28),
    )


def distance(before, after):
    frames = np.stack(after["imgs"]).astype(float) - np.stack(before["imgs"])
    sound = after["waveform"] - before["waveform"]
    return float((frames**2).mean()), float((sound**2).mean())


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_levels_grow_worse_in_their_own_track(name):
    found = []
    for condition in corruption_conditions([name]):
        before = clip(np.random.default_rng(0))
        np.random.seed(0)
        results = dict(before)
        for transform in build_transforms(condition.transforms):
            results = transform(results)
        found.append(distance(before, results))
    assert len(found) == 5
    frames, sound = zip(*found, strict=True)
    assert any(frames) == (CORRUPTIONS[name].track == "video")
    assert any(sound) == (CORRUPTIONS[name].track != "video")
    worse = frames if any(frames) else sound
    if name == "av_offset":  # White noise is equally far from itself at any delay.
        assert all(worse)
    else:
        # Of 16 frames, two shares can lose the same ones.
        assert all(a <= b for a, b in pairwise(worse)), worse
        assert worse[0] < worse[-1]


def test_every_condition_has_a_name_of_its_own():
    conditions = [*MASKED, *PROBES, *corruption_conditions([])]
    assert len({condition.name for condition in conditions}) == len(conditions) == 5 + 50
    assert conditions[5].title == "video compression, 26 x264 CRF"
    chosen = corruption_conditions(["gain", "blur"])
    assert [c.name for c in chosen[:2] + chosen[5:6]] == ["blur_1", "blur_2", "gain_1"]


def test_masks_take_one_track_only():
    for condition in MASKED:
        results = clip(np.random.default_rng(0))
        for transform in build_transforms(condition.transforms):
            results = transform(results)
        assert results["video_valid"].any() == (condition.track == "audio")
        assert results["audio_valid"].any() == (condition.track == "video")


def test_unknown_corruption():
    with pytest.raises(ValueError, match=r"Expected `--robustness` of video_compression, .*'fog'"):
        corruption_conditions(["fog"])
