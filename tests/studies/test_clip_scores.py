import dataclasses

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from macbdf_mm.errors import ConfigError
from macbdf_mm.evaluation.score_file import ScoreSet, write_scores
from macbdf_mm.evaluation.video_scores import gather_videos
from macbdf_mm.evaluation.window_scores import WindowScores
from studies.clip_scores import (
    ClipScores,
    clip_interval,
    mismatched_auc,
    read_clip_scores,
    track_auc,
)

CATEGORIES = ("RVRA", "FVRA", "RVFA", "FVFA")


def clips(seed, num=40, shift=1.0):
    """Scores of clips of all categories, higher for fakes by ``shift`` deviations."""
    rng = np.random.default_rng(seed)
    categories = tuple(CATEGORIES[index % 4] for index in range(num))
    video = np.array([category[0] == "F" for category in categories], dtype=np.int64)
    audio = np.array([category[2] == "F" for category in categories], dtype=np.int64)
    labels = {"overall": video | audio, "video": video, "audio": audio}
    scores = {track: rng.normal(shift * label) for track, label in labels.items()}
    return ClipScores(tuple(f"{i:02}" for i in range(num)), labels, scores, categories)


def test_scores_are_read_from_the_file_of_a_test(tmp_path):
    windows = [
        WindowScores("b.mp4", (0.0, 1.0), (0.9, 0.8, 0.1), (1, 1, 0), "FVRA"),
        WindowScores("a.mp4", (0.0, 1.0), (0.2, 0.3, float("nan")), (0, 0, -1)),
    ]
    videos = gather_videos(windows, "mean")
    thresholds = dict.fromkeys(("overall", "video", "audio"), 0.5)
    write_scores(ScoreSet(videos, thresholds), tmp_path / "scores.jsonl")
    read = read_clip_scores(tmp_path / "scores.jsonl")
    assert read.files == ("a.mp4", "b.mp4")
    assert read.categories == (None, "FVRA")
    np.testing.assert_array_equal(read.labels["audio"], [-1, 0])
    np.testing.assert_allclose(read.scores["audio"], [np.nan, 0.1])
    assert track_auc(read, "overall") == 1


def test_mismatched_clips_are_told_from_each_other_and_from_real_ones():
    given = clips(0)
    kinds = np.array(given.categories)
    for track, others in (("overall", ["RVRA"]), ("video", []), ("audio", [])):
        chosen = np.isin(kinds, ["FVRA", "RVFA", *others])
        expected = roc_auc_score(given.labels[track][chosen], given.scores[track][chosen])
        assert mismatched_auc(given, track) == pytest.approx(expected)


def test_the_interval_over_clips_is_that_of_a_loop_over_resamples():
    runs, references = [clips(1), clips(2)], [clips(3, shift=0.5), clips(4, shift=0.5)]
    labels = runs[0].labels["overall"]
    fakes, reals = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    rng = np.random.default_rng(1)
    values = []
    for _ in range(300):
        drawn = np.concatenate([rng.choice(fakes, len(fakes)), rng.choice(reals, len(reals))])
        aucs = [
            [roc_auc_score(labels[drawn], each.scores["overall"][drawn]) for each in side]
            for side in (runs, references)
        ]
        values.append(np.mean(aucs[0]) - np.mean(aucs[1]))
    expected = np.quantile(values, [0.025, 0.975])
    # The ends of a bootstrap of 300 draws lie within a tenth of the interval's width.
    assert clip_interval(runs, references) == pytest.approx(
        tuple(expected), abs=0.1 * np.ptp(expected)
    )


def test_a_clip_without_a_score_or_a_label_counts_nowhere():
    """Such as one without sound."""
    given, other = clips(0), clips(1)
    lacking = dataclasses.replace(
        given,
        labels={track: np.append(label, [1, -1]) for track, label in given.labels.items()},
        scores={track: np.append(score, [np.nan, 9.0]) for track, score in given.scores.items()},
        categories=(*given.categories, "FVRA", "RVFA"),
        files=(*given.files, "x", "y"),
    )
    padded = dataclasses.replace(
        lacking,
        scores={track: np.append(score, [0.5, 0.5]) for track, score in other.scores.items()},
    )
    for track in ("overall", "video", "audio"):
        assert mismatched_auc(lacking, track) == mismatched_auc(given, track)
        assert track_auc(lacking, track) == track_auc(given, track)
    assert clip_interval([lacking], [padded]) == clip_interval([given], [other])


def test_the_same_runs_do_not_differ_on_any_clips():
    assert clip_interval([clips(1)], [clips(1)]) == (0, 0)


def test_more_clips_narrow_the_interval():
    wide = np.ptp(clip_interval([clips(1)], [clips(2)]))
    assert np.ptp(clip_interval([clips(1, 400)], [clips(2, 400)])) < 0.6 * wide


def test_one_class_has_no_interval_and_other_clips_are_refused():
    given = clips(1)
    one_class = dataclasses.replace(given, labels={"overall": np.ones(40, np.int64)})
    assert np.isnan(clip_interval([one_class], [one_class])).all()
    other = dataclasses.replace(given, files=("other", *given.files[1:]))
    with pytest.raises(ConfigError, match="tested on different clips"):
        clip_interval([given], [other])
