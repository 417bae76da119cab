import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from macbdf_mm.errors import ConfigError
from macbdf_mm.evaluation.condition_deltas import condition_deltas, summarise_robustness
from macbdf_mm.evaluation.conditions import CORRUPTIONS, MASKED
from macbdf_mm.evaluation.video_scores import VideoScores

THRESHOLDS = {"overall": 0.5, "video": 0.5, "audio": 0.5}


def videos(scores, labels, audio=None):
    return [
        VideoScores(
            f"{k}.mp4",
            {"overall": score, "video": score, "audio": score if audio is None else audio},
            dict.fromkeys(("overall", "video", "audio"), int(label)),
            groups={"identity": f"id{k // 2}"},
        )
        for k, (score, label) in enumerate(zip(scores, labels, strict=True))
    ]


@pytest.fixture
def systems():
    rng = np.random.default_rng(0)
    labels = np.arange(80) // 2 % 2
    clean = np.clip(0.5 + 0.3 * (labels - 0.5) + 0.15 * rng.standard_normal(80), 0, 1)
    noisy = rng.random(80)
    return labels, clean, noisy


def test_differences_are_those_of_the_same_clips_in_any_order(systems):
    labels, clean, noisy = systems
    changed = videos(noisy, labels, audio=np.nan)
    found = condition_deltas(videos(clean, labels), changed[::-1], MASKED[0], THRESHOLDS, 200)
    assert [delta.track for delta in found] == ["overall", "video"]  # Nothing of a masked track.
    auc = found[0].differences["auc"]
    assert auc.value_a == pytest.approx(roc_auc_score(labels, noisy))
    assert auc.value_b == pytest.approx(roc_auc_score(labels, clean))
    assert auc.low < auc.difference < auc.high < 0
    assert (found[0].num_clips, found[0].clusters) == (80, "40, by identity")
    again = condition_deltas(videos(clean, labels), changed, MASKED[0], THRESHOLDS, 200)
    assert again == found


def test_clips_without_a_score_either_time_are_left_out(systems):
    labels, clean, noisy = systems
    noisy[:10] = np.nan
    [delta, *_] = condition_deltas(
        videos(clean, labels), videos(noisy, labels), MASKED[0], THRESHOLDS, 10
    )
    assert delta.num_clips == 70
    expected = roc_auc_score(labels[10:], clean[10:])
    assert delta.differences["auc"].value_b == pytest.approx(expected)
    real_only = videos(clean, np.zeros(80))
    assert condition_deltas(real_only, real_only, MASKED[0], THRESHOLDS, 10) == []


def test_other_clips_are_refused(systems):
    labels, clean, _ = systems
    all_clips = videos(clean, labels)
    with pytest.raises(ConfigError, match="under 'audio_masked' are of other clips"):
        condition_deltas(all_clips, all_clips[1:], MASKED[0], THRESHOLDS, 10)


def test_corruptions_count_once_whatever_their_levels(systems):
    labels, clean, noisy = systems
    base = videos(clean, labels)
    chosen = [CORRUPTIONS["blur"].condition(1), *map(CORRUPTIONS["gain"].condition, (1, 2, 3))]
    deltas = []
    for condition, scores in zip(chosen, (noisy, clean, clean, clean), strict=True):
        deltas += condition_deltas(base, videos(scores, labels), condition, THRESHOLDS, 10)
    found = summarise_robustness(deltas)
    aucs = roc_auc_score(labels, clean), roc_auc_score(labels, noisy)
    assert found.clean_auc == pytest.approx(aucs[0])
    assert found.mean_auc_drop == pytest.approx((aucs[0] - aucs[1]) / 2)
    errors = [
        np.mean([np.mean((scores >= 0.5)[labels == c] != c) for c in (0, 1)])
        for scores in (clean, noisy)
    ]
    assert found.clean_error == pytest.approx(errors[0])
    assert found.mean_corruption_error == pytest.approx(np.mean(errors))
    assert found.num_corruptions == 2
    assert summarise_robustness([]) is None
