import math

import numpy as np
import pytest

from macbdf_mm.evaluation.functional.cluster_bootstrap import cluster_bootstrap
from macbdf_mm.evaluation.functional.clusters import Clusters
from macbdf_mm.evaluation.functional.detection import accuracy, auc
from macbdf_mm.evaluation.measures import measure_track, measure_videos
from macbdf_mm.evaluation.metric_table import METRIC_TABLE, Metric, add_metric
from macbdf_mm.evaluation.video_scores import VideoScores, gather_videos
from macbdf_mm.evaluation.window_scores import StepScores, WindowScores
from macbdf_mm.structures.labels import TRACKS

LABELS = np.array([0, 0, 1, 1, 1])
SCORES = np.array([0.2, 0.6, 0.4, 0.8, 0.9])
ONES = np.ones(2, np.int64), np.ones(2)


@pytest.fixture
def add():
    """``add_metric``; the table is put back afterwards."""
    rows = dict(METRIC_TABLE)
    yield add_metric
    METRIC_TABLE.clear()
    METRIC_TABLE.update(rows)


def test_names_and_directions_of_the_rows():
    assert {name: metric.higher_is_better for name, metric in METRIC_TABLE.items()} == {
        "auc": True,
        "ap": True,
        "eer": False,
        "acc": True,
        "balanced_acc": True,
        "tpr_at_fpr_1e2": True,
        "tpr_at_fpr_1e3": True,
        "min_dcf": False,
        "act_dcf": False,
        "cllr": False,
        "log_loss": False,
        "brier": False,
        "ece": False,
        "ece_by_chance": None,
        "aurc": False,
        "always_fake_acc": None,
        "threshold": None,
        "num_real": None,
        "num_fake": None,
    }


def test_values_of_the_rows():
    values = {name: metric.value(LABELS, SCORES, 0.5) for name, metric in METRIC_TABLE.items()}
    assert values["auc"] == pytest.approx(5 / 6)
    assert values["acc"] == 0.6
    assert values["balanced_acc"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert values["always_fake_acc"] == 0.6
    assert values["threshold"] == 0.5
    assert (values["num_real"], values["num_fake"]) == (2, 3)
    assert isinstance(values["num_real"], int)


def test_a_row_without_a_measure_has_the_same_interval(add):
    fields = {"takes_threshold": True, "has_interval": True}
    add("rate", label="rate", higher_is_better=True, **fields)(accuracy)
    clips = [
        VideoScores(str(i), dict.fromkeys(TRACKS, score), dict.fromkeys(TRACKS, label))
        for i, (label, score) in enumerate(zip(LABELS, SCORES, strict=True))
    ]
    figures = measure_track(clips, "overall", 0.5, num_resamples=50)
    for end in ("", "_low", "_high"):
        assert figures[f"rate{end}"] == pytest.approx(figures[f"acc{end}"])
    assert figures["rate_low"] < figures["rate"] == 0.6


def test_every_row_can_be_resampled_by_clusters(add):
    add("rate", label="rate", higher_is_better=True, takes_threshold=True)(accuracy)
    labels, scores = np.tile(LABELS, 6), np.tile(SCORES, 6)
    clusters = Clusters.of(np.arange(30) % 10, "identity")
    for threshold in (0.3, 0.5):
        measures = {name: row.measure(threshold) for name, row in METRIC_TABLE.items()}
        found = cluster_bootstrap(labels, scores, clusters, measures, num_resamples=20)
        for name, estimate in found.estimates.items():
            assert estimate.value == METRIC_TABLE[name].value(labels, scores, threshold)
        rates = found.replicates["rate"], found.replicates["acc"]
        np.testing.assert_allclose(*rates)  # one by one, and all at once


def test_one_class_is_undefined_for_a_metric_that_needs_both():
    def fail(labels, scores):
        raise AssertionError("must not be called")

    assert math.isnan(Metric("a", fail, "a", True).value(*ONES, 0.5))


def test_values_are_plain_numbers():
    metric = Metric("b", lambda labels, scores: np.float32(2), "b", True, needs_both_classes=False)
    assert metric.value(*ONES, 0.5) == 2
    assert type(metric.value(*ONES, 0.5)) is float


def test_a_row_reaches_every_breakdown_that_it_names(add):
    everywhere = ("category", "method", "step")

    @add("spread", label="spread", higher_is_better=None, breakdowns=everywhere)
    def spread(labels, scores):
        return scores[labels == 1].mean() - scores[labels == 0].mean()

    @add(
        "rate",
        label="rate",
        higher_is_better=True,
        needs_both_classes=False,
        takes_threshold=True,
        breakdowns=everywhere,
    )
    def rate(labels, scores, threshold):
        return (scores >= threshold).mean()

    steps = {"video": StepScores(np.array([0.1, 0.9]), np.array([0, 1]))}
    videos = gather_videos(
        [
            WindowScores("a", (0, 1), (0.1, 0.2, 0.3), (0, 0, 0), "RVRA"),
            WindowScores(
                "b", (0, 1), (0.9, 0.8, 0.7), (1, 1, 0), "FVRA", "swap", "swap", steps=steps
            ),
        ]
    )
    figures = measure_videos(videos, {"overall": 0.5, "video": 0.85, "audio": 0.5}, 5)
    assert figures["overall/spread"] == pytest.approx(0.8)
    assert figures["spread_by_category/FVRA"] == pytest.approx(0.8)
    assert "spread_by_category/RVRA" not in figures
    assert figures["spread_by_method/swap"] == pytest.approx(0.8)
    assert figures["spread_by_video_method/swap"] == pytest.approx(0.6)
    assert figures["video/frame_spread"] == figures["video/frame_spread_partial"] == 0.8
    assert (figures["rate_by_category/RVRA"], figures["rate_by_category/FVRA"]) == (0, 1)
    # The video's threshold counts for its own score and steps.
    assert (figures["rate_by_method/swap"], figures["rate_by_video_method/swap"]) == (1, 0)
    assert figures["video/frame_rate"] == 0.5


def test_a_decorated_function_stays_as_it_is(add):
    assert add("mine", label="mine", higher_is_better=True)(auc) is auc


@pytest.mark.parametrize("name", ["", "AUC", "a/b", "1st", "tpr@1", "a\n"])
def test_a_name_must_fit_into_a_key(add, name):
    with pytest.raises(ValueError, match="lower-case letters, digits and '_', got"):
        add(name, label="x", higher_is_better=True)(auc)


@pytest.mark.parametrize("name", ["auc", "auc_low"])
def test_a_name_that_is_taken_is_refused(add, name):
    with pytest.raises(ValueError, match=f"a new `name`, got '{name}': '{name}' is in the table"):
        add(name, label="x", higher_is_better=True)(auc)


def test_an_interval_must_not_take_a_name(add):
    add("mine_low", label="x", higher_is_better=True)(auc)
    with pytest.raises(ValueError, match="got 'mine': 'mine_low' is in the table"):
        add("mine", label="x", higher_is_better=True, has_interval=True)(auc)
    assert "mine" not in METRIC_TABLE


def test_a_misspelt_field_is_refused(add):
    with pytest.raises(TypeError, match="unexpected keyword argument 'lable'"):
        add("mine", lable="x", higher_is_better=True)(auc)
