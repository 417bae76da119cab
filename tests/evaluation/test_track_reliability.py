import json
import math

import numpy as np
import pytest

from macbdf_mm.evaluation.scored_clips import fill_missing
from macbdf_mm.evaluation.track_reliability import measure_reliability
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.structures.labels import TRACKS


def video(file, overall, label, raw=None):
    scores = {"overall": overall, "video": 0.5, "audio": math.nan}
    labels = {"overall": label, "video": label, "audio": label}
    raw_scores = None if raw is None else {**scores, "overall": raw}
    return VideoScores(file, scores, labels, raw_scores=raw_scores)


# Two bins: 0.1 and 0.12 with no fake, 0.9 twice with one; before calibration all scored 0.5.
VIDEOS = [
    video("a", 0.10, 0, 0.5),
    video("b", 0.12, 0, 0.5),
    video("c", 0.90, 1, 0.5),
    video("d", 0.90, 0, 0.5),
]


def test_bins_and_errors_before_and_after_calibration():
    found = measure_reliability(VIDEOS, num_resamples=50)
    assert list(found) == ["overall", "video"], "no clip has an audio score"
    own = found["overall"]
    np.testing.assert_allclose(own.bins.scores, [0.11, 0.9])
    assert own.bins.fake_shares.tolist() == [0, 0.5]
    assert own.bins.num_clips.tolist() == [2, 2]
    # (2 * 0.11 + 2 * 0.4) / 4, and |0.5 - 0.25|.
    assert own.error == pytest.approx(0.255)
    assert own.raw_error == pytest.approx(0.25)
    # Two clips a bin: none, one or both are fake with the probability of their scores.
    expected = sum(
        abs(a + b - s - t) * (s if a else 1 - s) * (t if b else 1 - t)
        for s, t in ((0.1, 0.12), (0.9, 0.9))
        for a in (0, 1)
        for b in (0, 1)
    )
    assert own.chance_error == pytest.approx(expected / 4)
    assert own.raw_bins.num_clips.tolist() == [4]
    # Each clip is a cluster of its own: real and fake ones are drawn apart, so both stay.
    np.testing.assert_allclose(own.intervals[0], [0, 1 - 0.025**0.5])
    assert found["video"].raw_bins is None, "its scores were not changed"
    assert found["video"].raw_error is None


def test_clips_that_a_policy_filled_have_that_score_before_as_well():
    lost = VideoScores("e", dict.fromkeys(TRACKS, math.nan), dict.fromkeys(TRACKS, 1))
    filled = measure_reliability(fill_missing([*VIDEOS, lost], "as-fake"), num_resamples=0)
    assert filled["overall"].bins.num_clips.tolist() == [2, 2, 1]
    assert filled["overall"].raw_bins.num_clips.tolist() == [4, 1]
    left_out = measure_reliability([*VIDEOS, lost], num_resamples=0)
    assert left_out["overall"].bins.num_clips.tolist() == [2, 2]


def test_plain_values():
    found = measure_reliability(VIDEOS, num_resamples=0)["overall"].to_json()
    assert found["bins"][1] == {
        "mean_score": pytest.approx(0.9), "fake_share": 0.5, "num_clips": 2, "low": None,
        "high": None,
    }  # fmt: skip
    assert found["bins_before"] == [{"mean_score": 0.5, "fake_share": 0.25, "num_clips": 4}]
    json.dumps(found, allow_nan=False)
    assert measure_reliability([], num_resamples=10) == {}
