import base64

from macbdf_mm.evaluation.scored_clips import ScoredClips
from macbdf_mm.evaluation.track_reliability import measure_reliability
from macbdf_mm.reports.score_pictures import score_pictures


def test_pictures_for_light_and_dark_with_words_for_those_who_cannot_see_them(tested_scores):
    clips = ScoredClips.of(tested_scores.videos)
    reliability = measure_reliability(clips, num_resamples=10)
    found = score_pictures(clips, tested_scores, reliability)
    assert list(found) == ["reliability", "risk_coverage"]
    for picture in found.values():
        kind, data = picture.light.split(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(data).startswith(b"\x89PNG")
        assert picture.light != picture.dark
    # 1 - 0.95 and so on, see the clips: seven bins of one clip.
    assert "Calibration errors: overall 0.279 (by chance " in found["reliability"].description


def test_no_picture_without_a_labelled_score(tested_scores):
    assert score_pictures(ScoredClips.of([]), tested_scores, {}) == {}
