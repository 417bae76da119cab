import math

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger

from macbdf_mm.evaluation.functional.real_windows import RealWindows
from macbdf_mm.evaluation.functional.window_groups import run_scores
from macbdf_mm.evaluation.metrics import ForgeryMetric
from macbdf_mm.evaluation.score_file import read_scores
from macbdf_mm.registry import METRICS
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample


def sample(file, label, score, start=0.0, **metainfo):
    result = ForgeryDataSample(pred_scores=torch.full((3,), float(score)))
    result.set_metainfo(
        {
            "file": file,
            "span_seconds": (start, start + 1.0),
            "clip_label": label,
            "clip_video_label": label,
            "clip_audio_label": label,
            "category": "FVFA" if label else "RVRA",
            "method": "patch" if label else None,
            **metainfo,
        }
    )
    return result


SAMPLES = [
    sample("real1", 0, 0.10),
    sample("real2", 0, 0.20),
    sample("real2", 0, 0.30, start=1.0),
    sample("fake1", 1, 0.15),
    sample("fake1", 1, 0.70, start=1.0),
    sample("fake2", 1, 0.40),
]


@pytest.fixture
def log(caplog):
    """MMEngine's loggers do not pass their records on."""
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


def evaluate(samples, metric):
    evaluator = Evaluator(metric)
    for start in range(0, len(samples), 2):
        evaluator.process(samples[start : start + 2])
    return evaluator.evaluate(len(samples))


def test_videos_count_once():
    figures = evaluate(SAMPLES, ForgeryMetric(num_resamples=10))
    assert figures["num_videos"] == 4
    assert figures["coverage"] == 1.0
    assert figures["overall/auc"] == 1.0
    assert figures["overall/acc"] == 0.75, "one fake reaches 0.5: odds of 0.15 and 0.70 mean 0.56"
    assert figures["auc_by_method/patch"] == 1.0


def test_threshold_of_the_model_is_used():
    metric = ForgeryMetric(num_resamples=10)
    metric.set_thresholds({"overall": 0.35, "video": 0.0, "audio": 1.0}, is_fitted=True)
    figures = evaluate(SAMPLES, metric)
    assert (figures["overall/acc"], figures["video/acc"], figures["audio/acc"]) == (1.0, 0.5, 0.5)
    assert figures["is_threshold_fitted"] == 1.0


def test_threshold_is_fitted_on_validation_data_only_when_asked():
    figures = evaluate(SAMPLES, ForgeryMetric(fit_threshold=True, num_resamples=10))
    assert 0.25 < figures["overall/threshold"] < 0.4
    assert figures["overall/acc"] == 1.0
    assert figures["is_threshold_fitted"] == 1.0
    figures = evaluate(SAMPLES, ForgeryMetric(num_resamples=10))
    assert (figures["overall/threshold"], figures["is_threshold_fitted"]) == (0.5, 0.0)


def test_threshold_is_fitted_anew_at_each_validation():
    metric = ForgeryMetric(fit_threshold=True, num_resamples=10)
    first = evaluate(SAMPLES, metric)["overall/threshold"]
    second = evaluate([sample("real", 0, 0.7), sample("fake", 1, 0.9)], metric)
    assert first < 0.4
    assert second["overall/threshold"] == pytest.approx(0.8)


def test_threshold_stays_where_one_class_is_missing():
    metric = ForgeryMetric(fit_threshold=True, num_resamples=10)
    metric.set_thresholds({"overall": 0.7, "video": 0.7, "audio": 0.7}, is_fitted=False)
    figures = evaluate([s for s in SAMPLES if s.clip_label], metric)
    assert figures["overall/threshold"] == 0.7
    assert figures["is_threshold_fitted"] == 0.0


def certain(num=60, seed=0):
    """Samples of a detector whose scores are all near 1, and one of whose tracks is real."""
    rng = np.random.default_rng(seed)
    labels = np.arange(num) % 2
    scores = 1 / (1 + np.exp(-(6 + 4 * labels + rng.normal(0, 2, num))))
    return [
        sample(f"{k}", int(label), score, clip_audio_label=0)
        for k, (label, score) in enumerate(zip(labels, scores, strict=True))
    ]


def test_validation_calibrates_and_thresholds_are_on_that_scale(log, tmp_path):
    path = tmp_path / "val.jsonl"
    metric = ForgeryMetric(fit_threshold=True, max_error=0.3, out_file=str(path))
    raw = evaluate(certain(), ForgeryMetric(fit_threshold=True, calibration="none"))
    figures = evaluate(certain(), metric)
    assert raw["overall/threshold"] > 0.99
    assert 0.05 < figures["overall/threshold"] < 0.95
    assert figures["overall/auc"] == raw["overall/auc"]
    assert figures["overall/ece"] < raw["overall/ece"] / 2
    assert metric.calibration.is_fitted
    assert metric.calibration.band is not None
    assert "No calibration of the scores of audio: it takes 10" in log.text
    scores = read_scores(path)
    assert scores.calibration == metric.calibration
    assert scores.videos[0].raw_scores["overall"] > 0.9
    # A test uses what it is given.
    tested = ForgeryMetric(num_resamples=0)
    tested.calibration = metric.calibration
    tested.set_thresholds(metric.thresholds, True)
    again = evaluate(certain(), tested)
    assert again["overall/ece"] == figures["overall/ece"]
    assert again["overall/balanced_acc"] == figures["overall/balanced_acc"]


def test_calibration_does_not_depend_on_order_and_padding():
    found = []
    for samples in (certain(), [*certain()[::-1], *certain()[:3]]):
        metric = ForgeryMetric(fit_threshold=True, max_error=0.3)
        evaluate(samples, metric)
        found.append((metric.calibration, metric.thresholds))
    assert found[0] == found[1]


def test_few_clips_are_not_calibrated_and_that_is_said_once(log):
    metric = ForgeryMetric(fit_threshold=True)
    for _ in range(2):
        figures = evaluate(SAMPLES, metric)
    assert log.text.count("No calibration of the scores of overall, video, audio: it takes") == 1
    assert 0.25 < figures["overall/threshold"] < 0.4
    assert metric.calibration.band is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"calibration": "beta"}, r"Expected `calibration` in \['auto', .*got 'beta'"),
        ({"max_error": 1.0}, r"Expected `max_error` inside \(0, 1\), got 1.0"),
    ],
)
def test_wrong_settings_of_the_calibration(arguments, message):
    with pytest.raises(ValueError, match=message):
        ForgeryMetric(**arguments)


def test_unscored_clips_are_counted_and_named(log):
    lost = sample("lost", 1, math.nan, decode_error="'lost' is cut short")
    figures = evaluate([*SAMPLES, lost], ForgeryMetric(num_resamples=10))
    assert figures["coverage"] == pytest.approx(4 / 5)
    assert figures["num_videos"] == 4
    assert "1 clip without a score: lost ('lost' is cut short)" in log.text


def test_long_lists_of_unscored_clips_are_cut(log):
    lost = [sample(f"lost{index}", 1, math.nan) for index in range(7)]
    evaluate(lost, ForgeryMetric(num_resamples=10))
    assert "lost4 (neither track could be scored); and 2 more" in log.text


def test_file_has_a_row_for_every_video(tmp_path):
    path = tmp_path / "new" / "scores.jsonl"
    metric = ForgeryMetric(num_resamples=10, out_file=str(path), aggregation="max")
    metric.origin = {"command": "test"}
    lost = sample("lost", 1, math.nan)
    evaluate([*SAMPLES, lost], metric)
    scores = read_scores(path)
    assert scores.aggregation == "max"
    assert scores.thresholds == {"overall": 0.5, "video": 0.5, "audio": 0.5}
    assert scores.origin == {"command": "test"}
    assert [video.file for video in scores.videos] == ["fake1", "fake2", "lost", "real1", "real2"]
    assert scores.videos[0].scores["overall"] == pytest.approx(0.70)
    assert list(scores.unscored) == ["lost"]


def test_scores_of_any_order_and_of_padding_are_the_same_bytes(tmp_path):
    orders = {"a": SAMPLES, "b": [*SAMPLES[::-1], *SAMPLES[:2]]}
    for name, samples in orders.items():
        figures = evaluate(
            samples, ForgeryMetric(num_resamples=10, out_file=str(tmp_path / f"{name}.jsonl"))
        )
        assert figures["num_videos"] == 4
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_equal_names_in_two_data_sets_are_two_videos():
    samples = [
        sample("test/0.mp4", label, score, dataset_name=name)
        for name, label, score in (("LAV-DF", 0, 0.1), ("AV-Deepfake1M", 1, 0.9))
    ]
    figures = evaluate(samples, ForgeryMetric(num_resamples=10))
    assert figures["num_videos"] == 2
    assert (figures["overall/num_real"], figures["overall/num_fake"]) == (1, 1)


def test_there_are_no_intervals_where_the_thresholds_are_fitted():
    fitted = evaluate(SAMPLES, ForgeryMetric(fit_threshold=True, num_resamples=10))
    assert fitted["overall/auc"] == 1.0
    assert not any(key.endswith(("_low", "_high")) for key in fitted)
    tested = evaluate(SAMPLES, ForgeryMetric(num_resamples=10))
    assert {"overall/auc_low", "audio/ece_high"} < set(tested)


def test_another_suffix_is_refused_at_once():
    with pytest.raises(ValueError, match=r"a score file in \.jsonl or \.parquet, got 's\.json'"):
        ForgeryMetric(out_file="s.json")


def test_prefix():
    figures = evaluate(SAMPLES, ForgeryMetric(num_resamples=10, prefix="seen"))
    assert "seen/overall/auc" in figures


def test_is_registered():
    assert METRICS.get("ForgeryMetric") is ForgeryMetric


def test_unknown_aggregation():
    with pytest.raises(ValueError, match=r"Expected `aggregation` in .*got 'median'"):
        ForgeryMetric(aggregation="median")


def test_the_distribution_of_real_windows_is_fitted_in_validation_to_real_tracks_alone():
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.1, 0.5, 25)
    real = [sample("real", 0, float(s), start=float(k)) for k, s in enumerate(scores)]
    metric = ForgeryMetric(fit_threshold=True, num_resamples=10)
    figures = evaluate([*real, *real[:3], sample("fake", 1, 0.9)], metric)
    expected = RealWindows.fit(run_scores(np.float32(scores)))
    np.testing.assert_allclose(metric.real_windows["overall"].values, expected.values)
    assert figures["overall/auc"] == 1.0
    # A test takes what it was given.
    tested = ForgeryMetric(num_resamples=10, out_file=None)
    evaluate(real, tested)
    assert tested.real_windows["overall"].values.tolist() == RealWindows.unfitted().values.tolist()
