import numpy as np
import pytest

from macbdf_mm.datasets.annotation import ClipRow
from macbdf_mm.evaluation.score_calibration import ScoreCalibration
from macbdf_mm.evaluation.video_scores import gather_videos
from macbdf_mm.evaluation.window_scores import WindowScores
from macbdf_mm.reports.examples import choose_examples, fake_intervals, tell_story
from macbdf_mm.structures.labels import TRACKS


def test_medians_of_the_categories_then_mistakes(tested_videos):
    chosen = [video.file for video in choose_examples(tested_videos, 0.5)]
    assert chosen == ["test_1.mp4", "test_3.mp4", "test_5.mp4", "test_6.mp4", "test_2.mp4"]


def test_a_story_holds_what_the_file_holds(make_clip, clip_clock, tested_videos):
    path = make_clip(seconds=2.0)
    row = ClipRow("test_3.mp4", 1, 1, 0, video_fake_intervals=((0.5, 1.0),))
    story = tell_story(tested_videos[3], row, path, {"overall": 0.5})
    assert story.duration_seconds == pytest.approx(2.0, abs=0.05)
    # Frames stand in the middle of seven equal parts.
    expected = [int((t + 0.5) * story.duration_seconds / 7 * 25) for t in range(7)]
    assert [clip_clock.read(frame) for frame in story.frames] == expected
    assert len(story.waveform) == round(story.duration_seconds * 16_000)
    assert story.intervals == {"video": [(0.5, 1.0)], "audio": []}
    np.testing.assert_allclose(story.windows[1], [0.5, 1.5, 0.9, 0.8, 0.1])
    assert story.title.startswith("test_3.mp4 · FVRA · mouth_swap\noverall 0.90")
    halved = {"method": "temperature", "temperature": 2.0, "num_real": 9, "num_fake": 9}
    calibration = ScoreCalibration(dict.fromkeys(TRACKS, halved))
    shown = tell_story(tested_videos[3], row, path, {"overall": 0.5}, calibration)
    # The odds of 0.9 are 9, and their root is 3.
    np.testing.assert_allclose(shown.windows[1, 2:], [3 / 4, 2 / 3, 1 / 4])


@pytest.mark.parametrize(("label", "word"), [(1, "fake"), (0, "real"), (-1, "not labelled")])
def test_clips_of_which_only_the_own_label_is_known(make_clip, label, word):
    labels = (label, -1, -1)
    windows = [
        WindowScores(f"{score}.mp4", (0.0, 1.0), (score, score, score), labels)
        for score in ((0.6, 0.7, 0.8) if label == 1 else (0.2, 0.3, 0.4))
    ]
    (chosen,) = choose_examples(gather_videos(windows), 0.5)
    assert chosen.file == windows[1].file
    story = tell_story(chosen, ClipRow(chosen.file, label), make_clip(seconds=1.0), {})
    assert story.title.startswith(f"{chosen.file} · {word}\noverall")


def test_an_unlabelled_clip_is_no_mistake():
    unknown = WindowScores("a.mp4", (0.0, 1.0), (0.9, 0.9, 0.9), (-1, -1, -1))
    real = WindowScores("b.mp4", (0.0, 1.0), (0.1, 0.1, 0.1), (0, 0, 0), category="RVRA")
    chosen = choose_examples(gather_videos([unknown, real]), 0.5)
    assert [video.file for video in chosen] == ["b.mp4"]


def test_a_file_without_sound_has_no_waveform(make_clip, tested_videos):
    path = make_clip(seconds=1.0, with_sound=False)
    story = tell_story(tested_videos[0], ClipRow("a.mp4", 0, 0, 0), path, {})
    assert story.waveform is None


@pytest.mark.parametrize(
    ("label", "intervals", "expected"),
    [(0, [], []), (-1, [], []), (1, [], [(0.0, 3.0)]), (1, [(0.5, 1.0)], [(0.5, 1.0)])],
)
def test_a_fake_track_without_intervals_is_so_from_end_to_end(label, intervals, expected):
    assert fake_intervals(label, intervals, 3.0) == expected
