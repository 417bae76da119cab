import numpy as np
import pytest

from macbdf_mm.datasets.transforms import SampleClipSpan
from macbdf_mm.errors import MissingDataError
from macbdf_mm.structures.intervals import overlap_seconds


@pytest.fixture(autouse=True)
def _seed():
    np.random.seed(0)


def spans(transform, count=400, **results):
    defaults = dict(path="unread.mp4", duration_seconds=4.0)
    return [transform({**defaults, **results})["span_seconds"] for _ in range(count)]


def test_random_spans_lie_in_the_clip_and_reach_both_ends():
    drawn = np.array(spans(SampleClipSpan(1.28)))
    np.testing.assert_allclose(drawn[:, 1] - drawn[:, 0], 1.28)
    assert drawn[:, 0].min() < 0.05
    assert 3.95 < drawn[:, 1].max() <= 4.0


def test_a_short_clip_keeps_the_full_length():
    assert set(spans(SampleClipSpan(1.28), duration_seconds=0.9)) == {(0.0, 1.28)}


@pytest.mark.parametrize("interval", [(0.0, 0.3), (1.5, 1.55), (3.9, 4.2), (2.0, 2.5)])
def test_forced_spans_meet_the_fake_interval(interval):
    transform = SampleClipSpan(1.28, fake_span_probability=1.0)
    needed = min(0.1, interval[1] - interval[0])
    for span in spans(transform, audio_fake_intervals=(interval,)):
        assert 0 <= span[0] <= 4.0 - 1.28
        assert overlap_seconds(span, interval) >= needed - 1e-9


def test_probability_mixes_forced_and_free_spans():
    def hit_share(probability):
        transform = SampleClipSpan(1.0, fake_span_probability=probability)
        drawn = spans(transform, 2000, duration_seconds=10.0, video_fake_intervals=((0.0, 0.5),))
        return np.mean([overlap_seconds(span, (0.0, 0.5)) >= 0.1 - 1e-9 for span in drawn])

    free = 0.4 / 9.0  # Starts below 0.4 of the 9 s from which a span may start.
    assert hit_share(None) == pytest.approx(free, abs=0.02)
    assert hit_share(0.7) == pytest.approx(0.7 + 0.3 * free, abs=0.04)


def test_test_mode_takes_the_planned_window():
    transform = SampleClipSpan(1.0, test_mode=True)
    results = dict(path="unread.mp4", duration_seconds=4.0, num_windows=4)
    planned = [transform({**results, "window_index": k})["span_seconds"] for k in range(4)]
    assert planned == [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0), (3.0, 4.0)]
    assert transform(dict(path="x", duration_seconds=3.0))["span_seconds"] == (1.0, 2.0)
    grid = SampleClipSpan(1.0, test_mode=True, stride_seconds=0.75)
    results = dict(path="unread.mp4", duration_seconds=4.0)
    planned = [grid({**results, "window_index": k})["span_seconds"][0] for k in range(6)]
    assert planned == [0.0, 0.75, 1.5, 2.25, 3.0, 3.0]
    evenly = {**results, "num_windows": 4, "window_index": 1}
    assert grid(evenly)["span_seconds"] == (1.0, 2.0)


def test_unknown_duration_is_measured(make_clip):
    results = SampleClipSpan(1.28)(dict(path=str(make_clip(seconds=2.0)), duration_seconds=None))
    assert results["duration_seconds"] == pytest.approx(2.0, abs=0.07)


def test_a_lost_window_keeps_its_place_and_a_lost_file_has_one(tmp_path):
    transform = SampleClipSpan(1.0, test_mode=True)
    lost = dict(path=str(tmp_path / "gone.mp4"), num_windows=4, window_index=2, decode_error="x")
    assert transform(dict(lost, duration_seconds=4.0))["span_seconds"] == (2.0, 3.0)
    assert transform(dict(lost))["span_seconds"] == (0.0, 1.0)
    with pytest.raises(MissingDataError, match=r"gone\.mp4"):
        transform(dict(lost, decode_error=None))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(span_seconds=0), "`span_seconds` > 0, got 0"),
        (dict(span_seconds=1, stride_seconds=0), "`stride_seconds` > 0 or None, got 0"),
        (dict(span_seconds=1, fake_span_probability=2), r"`fake_span_probability` in \[0, 1\]"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        SampleClipSpan(**arguments)
