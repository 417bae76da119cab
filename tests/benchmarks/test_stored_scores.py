import numpy as np

from benchmarks.stored_scores import NUM_STEPS, stored_scores
from macbdf_mm.evaluation.score_file import read_scores, write_scores
from macbdf_mm.evaluation.scored_clips import ScoredClips
from macbdf_mm.reports.score_tables import score_tables


def test_they_are_as_those_of_a_test(tmp_path):
    scores = stored_scores(600, has_windows=True)
    clips = ScoredClips.of(scores.videos)
    assert clips.clusters.num == 3
    scored, labelled = clips.coverage("overall")
    assert 0 < labelled - scored < 20
    assert set(clips.column("category")) == {"RVRA", "FVRA", "RVFA", "FVFA"}
    assert {video.status for video in scores.videos} == {"ok", "missing", "error"}
    windows = [window for video in scores.videos for window in video.windows]
    assert {steps.labels.size for window in windows for steps in window.steps.values()} == {
        NUM_STEPS
    }
    write_scores(scores, tmp_path / "s.jsonl")
    titles = score_tables(read_scores(tmp_path / "s.jsonl"), num_resamples=5).tables
    assert {"All clips", "Frame level", "By method of the clip (overall score)"} <= set(titles)
    assert any(title.startswith("Localisation") for title in titles)


def test_seeds_change_the_scores_and_not_the_clips():
    first, same, other = (stored_scores(50, seed=seed).videos for seed in (0, 0, 1))
    np.testing.assert_equal([v.scores for v in first], [v.scores for v in same])
    for one, two in zip(first, other, strict=True):
        assert (one.file, one.labels, one.groups) == (two.file, two.labels, two.groups)
        assert one.is_scored == two.is_scored
        assert not one.is_scored or one.scores != two.scores
