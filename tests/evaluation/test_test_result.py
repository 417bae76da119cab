import dataclasses
import json
import math

import pytest

from macbdf_mm.errors import AnnotationError, MissingDataError
from macbdf_mm.evaluation.test_result import TestResult, read_test_result, write_test_result
from macbdf_mm.evaluation.video_scores import WindowScores, gather_videos

RESULT = TestResult(
    videos=gather_videos(
        [
            WindowScores("a", (0.0, 1.0), (0.1, 0.2, 0.3), (0, 0, -1)),
            WindowScores("b", (0.0, 1.0), (0.9, 0.8, 0.7), (1, 1, 0), "FVRA", "m", "v", "a"),
            WindowScores("b", (0.5, 1.5), (0.8, 0.7, 0.6), (1, 1, 0), "FVRA", "m", "v", "a"),
        ],
        "mean",
    ),
    thresholds={"overall": 0.5, "video": 0.45, "audio": 0.55},
    is_threshold_fitted=True,
    aggregation="mean",
    dataset="tiny",
    unscored={"c_\udcff": "0 bytes"},  # A name that is not UTF-8.
    metrics={"overall/auc": 1.0, "audio/auc": None},
)


def test_what_was_written_is_read_back(tmp_path):
    path = tmp_path / "new" / "scores.json"
    write_test_result(RESULT, path)
    assert read_test_result(path) == RESULT


def test_the_file_is_plain_json(tmp_path):
    write_test_result(RESULT, tmp_path / "scores.json")
    content = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert list(content) == [
        "aggregation", "thresholds", "is_threshold_fitted", "dataset", "metrics", "unscored",
        "videos",
    ]  # fmt: skip
    assert content["videos"] == [video.to_json() for video in RESULT.videos]


def test_a_track_that_was_not_seen_is_nan(tmp_path):
    unseen = WindowScores("a", (0.0, 1.0), (0.5, math.nan, 0.5), (0, 0, 0))
    result = dataclasses.replace(RESULT, videos=gather_videos([unseen]))
    write_test_result(result, tmp_path / "s.json")
    video = read_test_result(tmp_path / "s.json").videos[0]
    assert math.isnan(video.scores["video"])
    assert video.scores["audio"] == 0.5


def test_a_missing_result_says_what_to_run(tmp_path):
    with pytest.raises(MissingDataError, match=r"No test result at .*none\.json.*tools/test\.py"):
        read_test_result(tmp_path / "none.json")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"videos": [{}]}'])
def test_another_file_is_refused(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(AnnotationError, match=r"other\.json' is not a test result"):
        read_test_result(path)
