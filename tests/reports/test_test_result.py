import math

import pytest

from macbdf_mm.errors import AnnotationError, MissingDataError
from macbdf_mm.reports.test_result import read_test_result


def test_what_the_metric_wrote_is_read_back(tmp_path, write_result, tested_videos):
    result = read_test_result(write_result(tmp_path / "scores.json"))
    assert result.videos == tested_videos
    assert result.thresholds == {"overall": 0.5, "video": 0.45, "audio": 0.55}
    assert result.is_threshold_fitted
    assert result.unscored == {"test_9.mp4": "0 bytes"}


def test_a_track_that_was_not_seen_is_nan(tmp_path, write_result, tested_videos):
    row = tested_videos[0].to_json()
    row["windows"] = [[0.0, 1.0, 0.5, None, 0.5]]
    video = read_test_result(write_result(tmp_path / "s.json", videos=[row])).videos[0]
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
