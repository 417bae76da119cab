import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

from macbdf_mm.evaluation.measures import (
    always_fake,
    best_thresholds,
    labelled_scores,
    measure_groups,
    measure_steps,
    measure_track,
    measure_videos,
)
from macbdf_mm.evaluation.video_scores import gather_videos
from macbdf_mm.evaluation.window_scores import StepScores, WindowScores
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
    assert labelled_scores(videos, "audio")[1].tolist() == pytest.approx([0.3, 0.6])


def test_categories_are_measured_against_all_real_clips(videos):
    groups = measure_groups(videos, "category", "overall", 0.5, num_resamples=50)
    assert [name for name, figures in groups.items() if "auc" in figures] == [
        "FVFA", "FVRA", "RVFA",
    ]  # fmt: skip
    members = [video for video in videos if video.category in ("RVRA", "FVRA")]
    expected = metrics.roc_auc_score(*arrays(members, "overall"))
    figures = groups["FVRA"]
    assert figures["auc"] == pytest.approx(expected)
    assert figures["auc_low"] < figures["auc"] < figures["auc_high"]
    assert (figures["num_clips"], figures["num_scored"]) == (10, 10)
    reals = [video for video in videos if video.category == "RVRA"]
    expected = np.mean([video.scores["overall"] < 0.5 for video in reals])
    assert groups["RVRA"]["acc"] == pytest.approx(expected)
    assert groups["RVRA"]["called_fake"] == pytest.approx(1 - expected)


def test_methods_of_a_track_are_measured_against_its_real_ones(videos):
    groups = measure_groups(videos, "video_method", "video", 0.5, 0, "method")
    assert list(groups) == ["mouth", "patch"]
    members = [v for v in videos if v.labels["video"] == 0 or v.method_of("video") == "patch"]
    # Clips whose audio alone is fake have a real video.
    assert sum(v.category == "RVFA" for v in members) == 10
    expected = metrics.roc_auc_score(*arrays(members, "video"))
    assert groups["patch"]["auc"] == pytest.approx(expected)


def test_a_method_of_a_real_track_is_no_fake(videos):
    named = WindowScores("x", (0, 1), (0.5, 0.5, 0.5), (1, 0, 1), "RVFA", "dub", "dub", "dub")
    more = [*videos, *gather_videos([named])]
    assert list(measure_groups(more, "video_method", "video", 0.5, 0)) == ["mouth", "patch"]
    assert "dub" in measure_groups(more, "audio_method", "audio", 0.5, 0)


def test_other_columns_are_measured_on_their_own(videos):
    half = [
        replace(video, groups={**video.groups, "gender": "f" if i < 20 else "m"})
        for i, video in enumerate(videos)
    ]
    lost = replace(half[0], file="lost", scores=dict.fromkeys(THRESHOLDS, math.nan))
    alone = replace(half[1], file="alone", groups={"gender": "x"})
    groups = measure_groups([*half, lost, alone], "gender", "overall", 0.5, 0)
    assert groups["f"]["auc"] == pytest.approx(metrics.roc_auc_score(*arrays(half[:20], "overall")))
    assert (groups["f"]["num_scored"], groups["f"]["num_clips"]) == (20, 21)
    assert math.isnan(groups["x"]["auc"]), "one class"


def test_intervals_resample_persons(videos):
    """Every clip ten times over tells no more of other people than once."""
    again = [
        replace(video, file=f"{video.file}_{k}", groups={**video.groups, "identity": video.file})
        for video in videos
        for k in range(10)
    ]
    once, often = (measure_track(clips, "overall", 0.5, 400) for clips in (videos, again))
    for name in ("auc", "acc", "brier"):
        widths = [found[f"{name}_high"] - found[f"{name}_low"] for found in (once, often)]
        assert widths[1] == pytest.approx(widths[0], rel=0.25)


def test_always_fake(videos):
    figures = always_fake(videos)
    share = np.mean([video.labels["overall"] for video in videos])
    assert (figures["auc"], figures["balanced_acc"]) == (0.5, 0.5)
    assert figures["acc"] == figures["ap"] == share


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
    with_interval = measure_steps(videos, "video", 0.5, num_resamples=50)
    assert figures.items() < with_interval.items()
    for name in ("frame_auc", "frame_auc_partial"):
        low, high = (with_interval[f"video/{name}_{end}"] for end in ("low", "high"))
        assert low < figures[f"video/{name}"] < high
    assert measure_steps(videos, "audio", 0.5) == {}
    assert math.isnan(measure_steps(videos[:1], "video", 0.5)["video/frame_auc_partial"])


def test_steps_that_were_not_seen_do_not_count():
    videos = stepped_videos()
    unseen = [
        replace(w, steps={"video": w.steps["video"]._replace(scores=np.full(4, np.nan))})
        for w in videos[2].windows
    ]
    lost = replace(videos[2], windows=tuple(unseen))
    without = [*videos[:2], *videos[3:]]
    found = measure_steps([*without, lost], "video", 0.5)
    assert found == measure_steps(without, "video", 0.5)
    assert not any(map(math.isnan, found.values()))


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
