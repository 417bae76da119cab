import decord
import numpy as np
import pytest

from benchmarks import decoding
from benchmarks.decoding import DecordPipeline, measure_decoding, own_span
from benchmarks.rows import NotMeasuredError
from benchmarks.settings import Settings


def test_clip_is_what_decord_gives(make_clip, clip_clock) -> None:
    path = make_clip(seconds=4.0, sample_rate=16_000)
    pipeline = DecordPipeline()
    clip, same, other = (pipeline.read(path, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(np.diff(clip.indices), 4)
    expected = decord.VideoReader(str(path)).get_batch(clip.indices).asnumpy()
    np.testing.assert_array_equal(clip.frames, expected)
    assert [clip_clock.read(frame) for frame in clip.frames] == clip.indices.tolist()
    start = clip.indices[0] / 25
    assert clip.waveform.shape == (round(16 * 4 / 25 * 16_000),)
    assert abs(clip_clock.lag_seconds(clip.waveform, 16_000, start)) < 0.08
    np.testing.assert_array_equal(clip.indices, same.indices)
    assert clip.indices[0] != other.indices[0]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_SIZE", (64, 96))
    monkeypatch.setattr(decoding, "_SECONDS", 3.0)


@pytest.mark.usefixtures("small")
def test_frames_equal_those_of_decord(tiny_settings: Settings) -> None:
    rows = list(measure_decoding(tiny_settings))
    assert [row.goal for row in rows] == ["decode_250", None, "decode_25", None]
    assert all(row.setting.endswith("frames bit-equal") for row in rows)
    assert ["child" in row.what for row in rows] == [False, True, False, True]
    assert all(row.value > 0 and row.peer_value > 0 for row in rows)


@pytest.mark.usefixtures("small")
def test_frames_that_differ_are_not_compared(
    tiny_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_late = decoding.own_span
    monkeypatch.setattr(decoding, "own_span", lambda first: one_late(first + 1))
    with pytest.raises(NotMeasuredError, match="at GOP 250 both ways read different frames"):
        next(measure_decoding(tiny_settings))


def test_steps_of_the_span_show_every_fourth_frame() -> None:
    start, end = own_span(37)
    middles = start + (np.arange(16) + 0.5) * (end - start) / 16
    np.testing.assert_array_equal(np.floor(middles * 25), 37 + 4 * np.arange(16))
