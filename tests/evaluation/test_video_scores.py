import math
from dataclasses import replace

import numpy as np
import pytest

from macbdf_mm.errors import AnnotationError
from macbdf_mm.evaluation.functional.real_windows import RealWindows
from macbdf_mm.evaluation.video_scores import clip_keys, gather_videos, names_of, none_if_nan
from macbdf_mm.evaluation.window_scores import WindowScores

NAN = math.nan


def window(file="a.mp4", start=0.0, scores=(0.5, 0.5, 0.5), **fields):
    return WindowScores(file, (start, start + 1.0), scores, (1, 1, 0), **fields)


def test_windows_are_gathered_by_file_and_sorted():
    videos = gather_videos(
        [window("b.mp4"), window("a.mp4", 1.0, (0.9, 0.1, 0.2)), window("a.mp4", 0.0)]
    )
    assert [video.file for video in videos] == ["a.mp4", "b.mp4"]
    assert [w.span_seconds[0] for w in videos[0].windows] == [0.0, 1.0]
    # The mean of the odds of 0.9 and 0.5 is 5, and so on.
    expected = {"overall": 5 / 6, "video": 5 / 14, "audio": 5 / 13}
    assert videos[0].scores == pytest.approx(expected)
    assert videos[0].labels == {"overall": 1, "video": 1, "audio": 0}


def test_aggregation_is_chosen_by_name():
    windows = [window(start=float(i), scores=(i / 4, 0.0, 0.0)) for i in range(5)]
    assert gather_videos(windows, "mean")[0].scores["overall"] == 0.5
    top = gather_videos(windows, "top_quarter_mean")[0]
    assert top.scores["overall"] == pytest.approx((1.0 + 0.75) / 2)


def test_windows_are_judged_by_the_real_ones_of_their_track():
    scores = [0.5] * 5 + [0.1] * 7
    windows = [window(start=float(i), scores=(s, s, s)) for i, s in enumerate(scores)]
    fitted = RealWindows.fit(np.linspace(0.0, 0.3, 50))
    video = gather_videos(windows, real_windows={"video": fitted})[0]
    assert video.scores["video"] == fitted.file_score(np.array(scores))
    assert video.scores["overall"] == video.scores["audio"] != video.scores["video"]


def test_padding_of_a_distributed_sampler_counts_once():
    twice = [window(start=0.0, scores=(0.2, 0, 0)), window(start=1.0, scores=(0.4, 0, 0))] * 2
    video = gather_videos(twice, "mean")[0]
    assert len(video.windows) == 2
    assert video.scores["overall"] == pytest.approx(0.3)


def test_a_video_without_scores_says_why():
    lost = gather_videos([window(scores=(NAN, NAN, NAN), decode_error="'a.mp4' is cut short")])[0]
    assert not lost.is_scored
    assert (lost.status, lost.problem) == ("error", "'a.mp4' is cut short")
    mute = gather_videos([window(scores=(NAN, NAN, NAN))])[0]
    assert (mute.status, mute.problem) == ("missing", "neither track could be scored")
    assert gather_videos([window()])[0].status == "ok"


def test_none_for_nan():
    assert none_if_nan(NAN) is None
    assert none_if_nan(0.0) == 0.0


def test_videos_of_two_data_sets_with_one_name_stay_apart():
    windows = [
        window("test/1.mp4", path="/data/lavdf/test/1.mp4", dataset="LAV-DF"),
        window("test/1.mp4", 1.0, path="/data/lavdf/./test/1.mp4", dataset="LAV-DF"),
        window("test/1.mp4", path="/data/av1m/test/1.mp4", dataset="AV1M", scores=(0.9,) * 3),
        window("test/2.mp4", path="/data/av1m/test/2.mp4", dataset="AV1M"),
    ]
    videos = gather_videos(windows)
    assert [len(video.windows) for video in videos] == [1, 1, 2]
    assert names_of(videos) == ["AV1M: test/1.mp4", "test/2.mp4", "LAV-DF: test/1.mp4"]
    # Without a path, as another data sample may be.
    assert len(gather_videos([replace(each, path=None) for each in windows])) == 3
    assert clip_keys(videos, "x") == [
        ("AV1M", "test/1.mp4"), ("AV1M", "test/2.mp4"), ("LAV-DF", "test/1.mp4"),
    ]  # fmt: skip


def test_the_path_tells_apart_data_sets_of_one_name():
    windows = [window("1.mp4", path=f"/{root}/1.mp4", dataset="mine") for root in "ab"]
    videos = gather_videos(windows)
    assert names_of(videos) == ["/a/1.mp4", "/b/1.mp4"]
    assert clip_keys(videos, "x") == [("mine", "1.mp4", "/a/1.mp4"), ("mine", "1.mp4", "/b/1.mp4")]


def test_a_clip_that_stands_twice_is_refused():
    with pytest.raises(AnnotationError, match=r"'x\.jsonl' has two rows of the clip 'a\.mp4'"):
        clip_keys(gather_videos([window()]) * 2, "x.jsonl")
