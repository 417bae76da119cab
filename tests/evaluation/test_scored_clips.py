import math
from dataclasses import replace

import pytest

from macbdf_mm.evaluation.scored_clips import ScoredClips, fill_missing
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.structures.labels import TRACKS

NAN = math.nan


def clip(file, score=0.5, label=0, audio_label=-1, dataset=None, **groups):
    return VideoScores(
        file,
        {"overall": score, "video": score, "audio": NAN},
        {"overall": label, "video": label, "audio": audio_label},
        dataset=dataset,
        groups=groups,
    )


def test_clips_of_one_person_are_one_cluster():
    clips = ScoredClips.of(
        [clip("a", identity="anna"), clip("b", identity="ben"), clip("c", identity="anna")]
    )
    assert clips.clusters.index.tolist() == [0, 1, 0]
    assert clips.clusters.description == "identity"


def test_fakes_are_in_one_cluster_with_their_source():
    clips = ScoredClips.of([clip("a"), clip("b"), clip("c", source="a"), clip("d", source="a")])
    assert clips.clusters.index.tolist() == [0, 1, 0, 0]
    assert clips.clusters.description == "source (75 %), clip"


def test_persons_and_sources_of_two_data_sets_are_others():
    videos = [
        clip(file, dataset=name, **groups)
        for name in ("one", "two")
        for file, groups in (("a", {}), ("b", {"source": "a"}), ("c", {"identity": "id1"}))
    ]
    assert ScoredClips.of(videos).clusters.index.tolist() == [0, 0, 1, 2, 2, 3]


def test_coverage_counts_the_clips_with_a_label():
    videos = [clip("a"), clip("b", NAN), clip("c", label=-1), clip("d", audio_label=1)]
    clips = ScoredClips.of(videos)
    assert [clips.coverage(track) for track in TRACKS] == [(2, 3), (2, 3), (0, 1)]


@pytest.mark.parametrize(("policy", "expected"), [("as-real", 0.0), ("as-fake", 1.0)])
def test_a_policy_gives_labelled_tracks_a_score(policy, expected):
    heard = clip("d")
    heard = replace(heard, scores={**heard.scores, "audio": 0.1})
    videos = [clip("a", 0.4), clip("b", NAN, label=1), clip("c", audio_label=0), heard]
    filled = fill_missing(videos, policy)
    assert filled[0] is videos[0]
    assert filled[1].scores["overall"] == filled[1].scores["video"] == expected
    assert math.isnan(filled[1].scores["audio"]), "it has no label"
    assert filled[2].scores == {"overall": 0.5, "video": 0.5, "audio": expected}


def test_a_track_that_no_clip_has_a_score_of_is_not_missing():
    videos = [clip("a", 0.4, audio_label=1), clip("b", NAN, audio_label=0)]
    filled = fill_missing(videos, "as-fake")
    assert filled[1].scores["overall"] == 1.0
    assert all(math.isnan(video.scores["audio"]) for video in filled)


def test_exclusion_leaves_all_as_it_is():
    videos = [clip("a", NAN)]
    assert fill_missing(videos, "exclude") == videos
    with pytest.raises(ValueError, match=r"Expected `policy` in .*got 'drop'"):
        fill_missing(videos, "drop")
