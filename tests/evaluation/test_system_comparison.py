import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from macbdf_mm.errors import ConfigError
from macbdf_mm.evaluation.functional.comparison import holm, paired_bootstrap
from macbdf_mm.evaluation.functional.delong import compare_aucs
from macbdf_mm.evaluation.functional.detection import detection_measures
from macbdf_mm.evaluation.score_file import ScoreSet
from macbdf_mm.evaluation.system_comparison import (
    System,
    compare_systems,
    compared_metrics,
    system_names,
)
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.structures.labels import TRACKS

NUM_PERSONS, NUM_EACH = 30, 6
LABELS = np.arange(NUM_PERSONS * NUM_EACH) % 2


def scored(separation, seed):
    """Scores of the same 180 clips of 30 persons."""
    noise = np.random.default_rng(seed).normal(size=LABELS.size)
    scores = 1 / (1 + np.exp(-(separation * (2 * LABELS - 1) + noise)))
    videos = [
        VideoScores(
            f"{i:03}.mp4",
            dict.fromkeys(TRACKS, float(score)),
            dict.fromkeys(TRACKS, int(label)),
            dataset="tiny",
            groups={"identity": f"p{i // NUM_EACH}"},
        )
        for i, (label, score) in enumerate(zip(LABELS, scores, strict=True))
    ]
    return ScoreSet(videos, dict.fromkeys(TRACKS, 0.5))


def scores_of(run):
    return np.array([video.scores["overall"] for video in run.videos])


GOOD, BAD = scored(1.5, 1), scored(0.4, 2)


def test_two_systems_are_compared_as_the_maths_says():
    found = compare_systems([System("good", [GOOD]), System("bad", [BAD])], num_resamples=100)
    (pair,) = found.pairs
    clusters = found.common.clips.clusters
    assert clusters.num == NUM_PERSONS
    expected = compare_aucs(LABELS, scores_of(GOOD), scores_of(BAD), clusters)
    assert pair.auc == expected
    assert pair.auc.p_value < 1e-3
    drawn = paired_bootstrap(
        LABELS, scores_of(GOOD), scores_of(BAD), clusters, detection_measures(0.5),
        num_resamples=100,
    )  # fmt: skip
    for metric in compared_metrics():
        assert pair.differences[metric.name] == pytest.approx(
            drawn.differences[metric.name], nan_ok=True
        )
    assert pair.seeds is None
    assert found.spreads["good"]["auc"].mean == pytest.approx(
        roc_auc_score(LABELS, scores_of(GOOD))
    )


def test_the_same_system_twice_does_not_differ():
    found = compare_systems([System("a", [GOOD]), System("b", [GOOD])], num_resamples=50)
    (pair,) = found.pairs
    assert (pair.auc.difference, pair.auc.p_value) == (0, 1)
    assert all(each.difference == 0 for each in pair.differences.values())


def test_p_values_of_several_pairs_are_adjusted():
    middle = scored(1.2, 3)
    systems = [System("good", [GOOD]), System("middle", [middle]), System("bad", [BAD])]
    found = compare_systems(systems, num_resamples=50)
    assert [pair.names for pair in found.pairs] == [
        ("good", "middle"), ("good", "bad"), ("middle", "bad"),
    ]  # fmt: skip
    clusters = found.common.clips.clusters
    runs = {system.name: scores_of(system.runs[0]) for system in systems}
    alone = [
        compare_aucs(LABELS, runs[a], runs[b], clusters).p_value
        for a, b in (pair.names for pair in found.pairs)
    ]
    assert [pair.auc.p_value for pair in found.pairs] == pytest.approx(holm(alone))


def test_seeds_are_apart_from_clips():
    runs = {name: [scored(s, seed) for seed in seeds]
            for name, s, seeds in (("a", 1.0, (4, 5, 6)), ("b", 0.9, (7, 8)))}  # fmt: skip
    found = compare_systems([System(name, own) for name, own in runs.items()], num_resamples=50)
    (pair,) = found.pairs
    areas = {name: [roc_auc_score(LABELS, scores_of(run)) for run in own]
             for name, own in runs.items()}  # fmt: skip
    difference = np.mean(areas["a"]) - np.mean(areas["b"])
    assert pair.auc.difference == pytest.approx(difference)
    assert pair.differences["auc"].difference == pytest.approx(difference)
    assert pair.seeds.difference == pytest.approx(difference)
    assert found.spreads["a"]["auc"].standard_deviation == pytest.approx(np.std(areas["a"], ddof=1))
    # Of the two questions each has its own answer.
    assert pair.seeds.low != pytest.approx(pair.auc.low)


def test_other_clips_are_refused_or_left_out():
    fewer = replace(BAD, videos=BAD.videos[10:])
    systems = [System("good", [GOOD]), System("bad", [fewer])]
    with pytest.raises(ConfigError, match=r"10 of 180 are in that of good alone and 0 of 170 .*"
                       r"'000\.mp4'; --intersection"):  # fmt: skip
        compare_systems(systems)
    found = compare_systems(systems, intersect=True, num_resamples=20)
    assert found.common.labels.size == 170
    assert found.common.num_clips == {"good": 180, "bad": 170}


def test_equal_names_in_other_data_sets_are_other_clips():
    other = replace(BAD, videos=[replace(video, dataset="other") for video in BAD.videos])
    with pytest.raises(ConfigError, match="180 of 180"):
        compare_systems([System("good", [GOOD]), System("bad", [other])])


def test_other_labels_are_refused():
    first = replace(BAD.videos[0], labels=dict.fromkeys(TRACKS, 1))
    other = replace(BAD, videos=[first, *BAD.videos[1:]])
    with pytest.raises(ConfigError, match=r"good and bad disagree on the overall label of 1 clip,"):
        compare_systems([System("good", [GOOD]), System("bad", [other])])


def test_clips_without_a_score_are_left_out_or_filled():
    lost = replace(BAD.videos[1], scores=dict.fromkeys(TRACKS, math.nan))
    systems = [System("good", [GOOD]), System("bad", [replace(BAD, videos=[
        BAD.videos[0], lost, *BAD.videos[2:]])])]  # fmt: skip
    found = compare_systems(systems, num_resamples=20)
    assert (found.common.labels.size, found.common.num_unscored) == (179, 1)
    found = compare_systems(systems, missing="as-real", num_resamples=20)
    assert (found.common.labels.size, found.common.num_unscored) == (180, 0)
    assert found.common.scores["bad"][0, 1] == 0


def test_the_order_of_the_rows_does_not_count():
    turned = replace(BAD, videos=BAD.videos[::-1])
    found = [
        compare_systems([System("good", [GOOD]), System("bad", [bad])], num_resamples=20)
        for bad in (BAD, turned)
    ]
    assert found[0].pairs == found[1].pairs


@pytest.mark.parametrize("knows", [0, 1])
def test_persons_count_whichever_file_names_them(knows):
    unnamed = replace(BAD, videos=[replace(video, groups={}) for video in BAD.videos])
    runs = [GOOD, GOOD]
    runs[1 - knows] = unnamed
    systems = [System("a", runs[:1]), System("b", runs[1:])]
    assert compare_systems(systems, num_resamples=20).clusters.num_clusters == NUM_PERSONS


def test_of_few_persons_no_p_value_is_given():
    few = [replace(run, videos=run.videos[: 5 * NUM_EACH]) for run in (GOOD, BAD)]
    found = compare_systems([System("a", few[:1]), System("b", few[1:])], num_resamples=20)
    (pair,) = found.pairs
    assert found.clusters.num_clusters == 5
    assert math.isnan(pair.auc.p_value)
    assert all(math.isnan(difference.p_value) for difference in pair.differences.values())
    assert math.isfinite(pair.auc.difference)


def test_one_system_is_no_comparison():
    with pytest.raises(ValueError, match="two or more detectors of different names, got a"):
        compare_systems([System("a", [GOOD])])
    reals = replace(GOOD, videos=GOOD.videos[::2])
    with pytest.raises(ValueError, match=r"real and fake clips .* got 90 clips, 0 fake"):
        compare_systems([System("a", [reals]), System("b", [reals])])


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["x/a.jsonl", "y/b.jsonl"], ["a", "b"]),
        (["runs/full/seed_0/s.jsonl", "runs/plain/seed_0/s.jsonl"], ["full", "plain"]),
        (["r/a/0/s.jsonl", "r/a/1/s.jsonl", "r/b/0/s.jsonl"], ["a/0", "a/1", "b/0"]),
        (["/r/a/s.jsonl", "b/s.jsonl"], ["/r/a", "b"]),
        (["s.jsonl", "old/s.jsonl"], ["s.jsonl", "old/s.jsonl"]),
        (["s.jsonl", "s.jsonl"], ["s.jsonl", "s.jsonl"]),
    ],
)
def test_files_are_named_by_what_tells_them_apart(paths, names):
    assert system_names(paths) == names
