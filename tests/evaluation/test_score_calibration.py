import math

import numpy as np
import pytest

from macbdf_mm.evaluation.functional.calibration import MAX_KNOTS
from macbdf_mm.evaluation.functional.detection import auc, ece
from macbdf_mm.evaluation.functional.probabilities import from_log_odds
from macbdf_mm.evaluation.measures import best_thresholds, labelled_scores
from macbdf_mm.evaluation.score_calibration import (
    MIN_CLIPS,
    NUM_BAND_VALUES,
    NUM_MAP_VALUES,
    ScoreCalibration,
)
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.evaluation.window_scores import WindowScores
from macbdf_mm.structures.labels import TRACKS


def saturated(num, seed, sharpness=4.0, shift=6.0):
    """Videos of a detector that is right as often as a calibrated one, and far too certain."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, num)
    labels = (rng.uniform(size=num) < from_log_odds(logits)).astype(int)
    scores = from_log_odds(sharpness * logits + shift)
    return [
        VideoScores(
            file=f"{place}.mp4",
            scores=dict.fromkeys(TRACKS, float(score)),
            labels=dict.fromkeys(TRACKS, int(label)),
        )
        for place, (label, score) in enumerate(zip(labels, scores, strict=True))
    ]


def test_saturated_scores_become_probabilities_and_keep_their_order():
    validation, test = saturated(400, 0), saturated(4000, 1)
    assert best_thresholds(validation)["overall"] > 0.98
    fitted = ScoreCalibration.fit(validation)
    thresholds = best_thresholds(fitted.apply(validation))
    assert all(0.05 < thresholds[track] < 0.95 for track in TRACKS)
    calibrated = fitted.apply(test)
    for track in TRACKS:
        labels, scores = labelled_scores(calibrated, track)
        raw = labelled_scores(test, track)[1]
        assert ece(labels, raw) > 0.2
        assert ece(labels, scores) < 0.04
        assert auc(labels, scores) == pytest.approx(auc(labels, raw), abs=1e-3)
    assert calibrated[0].raw_scores == test[0].scores


def test_it_is_refitted_from_calibrated_videos():
    validation = saturated(100, 0)
    fitted = ScoreCalibration.fit(validation)
    assert ScoreCalibration.fit(fitted.apply(validation)) == fitted
    twice = fitted.apply(fitted.apply(validation))
    assert twice[3] == fitted.apply(validation)[3], "it is applied to the raw scores"


@pytest.mark.parametrize("method", ["temperature", "platt", "isotonic"])
def test_checkpoints_and_files_keep_it(method):
    validation = saturated(300, 0)
    fitted = ScoreCalibration.fit(validation, method)
    videos = fitted.apply(validation)
    fitted = fitted.with_band(videos, best_thresholds(videos)["overall"], 0.2)
    assert fitted.band is not None
    assert fitted.map_values.shape == (3, NUM_MAP_VALUES)
    assert fitted.band_values.shape == (NUM_BAND_VALUES,)
    assert ScoreCalibration.from_values(fitted.map_values, fitted.band_values) == fitted
    assert ScoreCalibration.from_json(fitted.to_json()) == fitted


def test_nothing_is_all_zero():
    none = ScoreCalibration.none()
    assert not none.map_values.any()
    assert not none.band_values.any()
    assert ScoreCalibration.from_values(none.map_values, none.band_values) == none
    assert ScoreCalibration.from_json(None) == none
    videos = saturated(3, 0)
    assert none.apply(videos) == videos


def test_long_isotonic_maps_are_cut_to_fit():
    rng = np.random.default_rng(0)
    # Shares that rise by ever so little have as many blocks as there are values.
    scores = np.repeat(np.linspace(0.01, 0.99, 300), 100)
    labels = np.concatenate([np.arange(100) < 100 * s for s in np.linspace(0.0, 0.999, 300)])
    order = rng.permutation(scores.size)[:20000]
    videos = [
        VideoScores("f", dict.fromkeys(TRACKS, scores[i]), dict.fromkeys(TRACKS, int(labels[i])))
        for i in order
    ]
    fitted = ScoreCalibration.fit(videos, "isotonic")
    assert len(fitted.maps["overall"]["logits"]) <= MAX_KNOTS
    assert ScoreCalibration.from_values(fitted.map_values, fitted.band_values) == fitted


def of_class(videos, label, num):
    return [video for video in videos if video.labels["overall"] == label][:num]


def test_few_clips_are_no_reason_for_a_map_and_that_is_said():
    videos = saturated(200, 0)
    few = of_class(videos, 0, MIN_CLIPS - 1) + of_class(videos, 1, 50)
    earlier = ScoreCalibration.fit(videos)
    fitted = ScoreCalibration.fit(few, earlier=earlier)
    assert not fitted.is_fitted
    assert fitted.absence == (
        "No calibration of the scores of overall, video, audio: it takes 10 scored validation "
        "clips of each class, and overall has 9 real and 50 fake; video has 9 real and 50 fake; "
        "audio has 9 real and 50 fake."
    )
    assert fitted.apply(few) == few
    assert earlier.absence is None
    assert ScoreCalibration.fit(few + of_class(videos, 0, MIN_CLIPS)).is_fitted


def test_without_a_class_map_and_band_stay_as_the_threshold_does():
    videos = saturated(200, 0)
    earlier = ScoreCalibration.fit(videos)
    earlier = earlier.with_band(earlier.apply(videos), 0.5, 0.2)
    assert earlier.band is not None
    assert ScoreCalibration.fit(of_class(videos, 1, 50), earlier=earlier) == earlier


def test_unknown_labels_and_lost_tracks_do_not_count():
    videos = saturated(200, 0)
    lost = VideoScores("l", dict.fromkeys(TRACKS, math.nan), dict.fromkeys(TRACKS, 1))
    unknown = VideoScores("u", dict.fromkeys(TRACKS, 0.5), dict.fromkeys(TRACKS, -1))
    fitted = ScoreCalibration.fit([*videos, lost, unknown])
    assert fitted == ScoreCalibration.fit(videos)
    assert math.isnan(fitted.apply([lost])[0].scores["audio"])
    assert fitted.with_band(fitted.apply([*videos, lost, unknown]), 0.5, 0.2).band is not None


def test_a_band_gives_three_verdicts_and_holds_on_other_clips():
    validation, test = saturated(2000, 0), saturated(4000, 1)
    fitted = ScoreCalibration.fit(validation)
    videos = fitted.apply(validation)
    threshold = best_thresholds(videos)["overall"]
    fitted = fitted.with_band(videos, threshold, 0.1)
    found = [
        (fitted.verdict(video.scores["overall"], threshold), video.labels["overall"])
        for video in fitted.apply(test)
    ]
    assert {verdict for verdict, _ in found} == {"real", "uncertain", "fake"}
    decided = [(verdict == "fake") == label for verdict, label in found if verdict != "uncertain"]
    assert 1 - np.mean(decided) < 0.1
    everything = [(v.scores["overall"] >= threshold) == v.labels["overall"] for v in videos]
    assert 1 - np.mean(everything) > 0.12


def test_without_a_band_the_verdict_has_two_values():
    videos = saturated(30, 0)
    fitted = ScoreCalibration.fit(videos)
    fitted = fitted.with_band(fitted.apply(videos), 0.5, 0.01)
    assert fitted.band is None, "thirty clips cannot assure an error of 1 %"
    assert [fitted.verdict(score, 0.5) for score in (0.49, 0.5)] == ["real", "fake"]
    none = ScoreCalibration.none()
    assert none.with_band(videos, 0.5, 0.4).band is None, "uncalibrated scores have no band"


def test_windows_are_on_the_scale_of_the_file():
    fitted = ScoreCalibration.fit(saturated(200, 0))
    window = WindowScores("a", (0.0, 1.0), (0.9, math.nan, 0.2), (1, 1, 0))
    scores = dict(zip(TRACKS, window.scores, strict=True))
    video = VideoScores("a", scores, dict(zip(TRACKS, window.labels, strict=True)), (window,))
    (row,) = fitted.windows(video)
    (calibrated,) = fitted.apply([video])
    np.testing.assert_equal(row, [0.0, 1.0, *calibrated.scores.values()])
    assert calibrated.windows == video.windows, "windows are kept as the model scored them"
    assert row[2] != 0.9
    assert fitted.windows(VideoScores("b", {}, {})).shape == (0, 5)
