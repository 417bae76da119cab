import math

import numpy as np
import pytest
from sklearn import metrics

from macbdf_mm.evaluation.measures import (
    best_thresholds,
    labelled_scores,
    measure_by_category,
    measure_by_method,
    measure_steps,
    measure_track,
    measure_videos,
)
from macbdf_mm.evaluation.video_scores import StepScores, WindowScores, gather_videos
from macbdf_mm.structures.labels import CATEGORIES, clip_label

THRESHOLDS = {"overall": 0.5, "video": 0.5, "audio": 0.5}


@pytest.fixture
def videos():
    """Forty clips of all categories, with two video and two audio methods."""
    generator = np.random.default_rng(0)
    windows = []
    for index in range(40):
        video_label, audio_label = list(CATEGORIES)[index % 4]
        labels = (clip_label(video_label, audio_label), video_label, audio_label)
        scores = np.clip(generator.normal(0.35 + 0.3 * np.array(labels), 0.2), 0, 1)
        video_method = ("patch", "mouth")[index // 4 % 2] if video_label else None
        audio_method = ("vocoder", "splice")[index // 4 % 2] if audio_label else None
        windows.append(
            WindowScores(
                f"{index:02d}.mp4",
                (0.0, 1.0),
                tuple(float(score) for score in scores),
                labels,
                CATEGORIES[video_label, audio_label],
                "+".join(filter(None, [video_method, audio_method])) or None,
                video_method,
                audio_method,
            )
        )
    return gather_videos(windows)


def arrays(videos, track):
    return (
        np.array([video.labels[track] for video in videos]),
        np.array([video.scores[track] for video in videos]),
    )


@pytest.mark.parametrize("track", ["overall", "video", "audio"])
def test_figures_of_a_track(videos, track):
    labels, scores = arrays(videos, track)
    figures = measure_track(videos, track, 0.4, num_resamples=50)
    assert figures["auc"] == pytest.approx(metrics.roc_auc_score(labels, scores))
    assert figures["acc"] == metrics.accuracy_score(labels, scores >= 0.4)
    assert figures["always_fake_acc"] == labels.mean()
    assert figures["auc_low"] < figures["auc"] < figures["auc_high"]
    assert (figures["num_real"], figures["num_fake"]) == ((labels == 0).sum(), labels.sum())
    assert figures["threshold"] == 0.4


def test_unknown_labels_and_unseen_tracks_are_left_out():
    windows = [
        WindowScores("a", (0, 1), (0.9, 0.8, math.nan), (1, 1, 1)),
        WindowScores("b", (0, 1), (0.1, 0.2, 0.3), (0, -1, 0)),
        WindowScores("c", (0, 1), (0.2, 0.1, 0.6), (0, 0, 1)),
    ]
    videos = gather_videos(windows)
    assert labelled_scores(videos, "overall")[0].tolist() == [1, 0, 0]
    assert labelled_scores(videos, "video")[0].tolist() == [1, 0]
    assert labelled_scores(videos, "audio")[1].tolist() == [0.3, 0.6]


def test_categories_are_measured_against_all_real_clips(videos):
    figures = measure_by_category(videos, 0.5)
    assert {key for key in figures if key.startswith("auc")} == {
        "auc_by_category/FVRA",
        "auc_by_category/RVFA",
        "auc_by_category/FVFA",
    }
    members = [video for video in videos if video.category in ("RVRA", "FVRA")]
    expected = metrics.roc_auc_score(*arrays(members, "overall"))
    assert figures["auc_by_category/FVRA"] == pytest.approx(expected)
    reals = [video for video in videos if video.category == "RVRA"]
    expected = np.mean([video.scores["overall"] < 0.5 for video in reals])
    assert figures["acc_by_category/RVRA"] == pytest.approx(expected)


def test_methods_of_a_track_are_measured_against_its_real_ones(videos):
    figures = measure_by_method(videos, "video", 0.5)
    assert set(figures) == {"auc_by_video_method/mouth", "auc_by_video_method/patch"}
    members = [v for v in videos if v.labels["video"] == 0 or v.method_of("video") == "patch"]
    # Clips whose audio alone is fake have a real video.
    assert sum(v.category == "RVFA" for v in members) == 10
    expected = metrics.roc_auc_score(*arrays(members, "video"))
    assert figures["auc_by_video_method/patch"] == pytest.approx(expected)


def test_a_method_of_a_real_track_is_no_fake(videos):
    named = WindowScores("x", (0, 1), (0.5, 0.5, 0.5), (1, 0, 1), "RVFA", "dub", "dub", "dub")
    more = [*videos, *gather_videos([named])]
    assert set(measure_by_method(more, "video", 0.5)) == set(
        measure_by_method(videos, "video", 0.5)
    )
    assert "auc_by_audio_method/dub" in measure_by_method(more, "audio", 0.5)


def stepped_videos():
    """Twelve clips of two windows: real, fake throughout, and fake in their second window."""
    generator = np.random.default_rng(1)
    windows = []
    for index in range(12):
        for start in (0.0, 1.0):
            fake = (0, 1, int(start))[index % 3]
            scores = generator.normal(0.5 * fake, 0.4, 4)
            windows.append(
                WindowScores(
                    f"{index:02d}.mp4", (start, start + 1.0), (0.5, 0.5, 0.5),
                    (int(index % 3 > 0), int(index % 3 > 0), 0),
                    steps={"video": StepScores(scores, np.array([fake, fake, fake, -1]))},
                )
            )  # fmt: skip
    return gather_videos(windows)


def test_steps_are_ranked_over_all_videos_and_over_the_partially_fake_ones():
    videos = stepped_videos()
    figures = measure_steps(videos, "video", 0.5)
    for key, members in (("frame_auc", videos), ("frame_auc_partial", videos[2::3])):
        windows = [window.steps["video"] for video in members for window in video.windows]
        labels = np.concatenate([steps.labels[:3] for steps in windows])
        scores = np.concatenate([steps.scores[:3] for steps in windows])
        assert figures[f"video/{key}"] == pytest.approx(metrics.roc_auc_score(labels, scores))
    assert figures["video/num_partial"] == 4
    assert measure_steps(videos, "audio", 0.5) == {}
    assert math.isnan(measure_steps(videos[:1], "video", 0.5)["video/frame_auc_partial"])


def test_best_thresholds(videos):
    thresholds = best_thresholds(videos)
    for track, threshold in thresholds.items():
        labels, scores = arrays(videos, track)
        fitted = metrics.balanced_accuracy_score(labels, scores >= threshold)
        assert fitted >= metrics.balanced_accuracy_score(labels, scores >= 0.5)


def test_all_figures_in_one_flat_dict(videos):
    figures = measure_videos(videos, THRESHOLDS, num_resamples=10)
    assert {"overall/auc", "video/eer", "audio/acc", "auc_by_audio_method/splice"} <= set(figures)
    assert all(isinstance(value, float | int) for value in figures.values())


def test_nothing_scored_gives_nan_and_no_error():
    figures = measure_videos([], THRESHOLDS, num_resamples=10)
    assert math.isnan(figures["overall/auc"])
    assert figures["overall/num_fake"] == 0
