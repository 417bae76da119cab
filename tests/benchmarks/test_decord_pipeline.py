import decord
import numpy as np

from benchmarks.decord_pipeline import DecordPipeline


def test_clip_is_what_decord_gives(make_clip, clip_clock) -> None:
    path = make_clip(seconds=4.0, sample_rate=16_000)
    pipeline = DecordPipeline(num_frames=8, stride=4, sample_rate=16_000)
    clip, same, other = (pipeline.read(path, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(np.diff(clip.indices), 4)
    expected = decord.VideoReader(str(path)).get_batch(clip.indices).asnumpy()
    np.testing.assert_array_equal(clip.frames, expected)
    assert [clip_clock.read(frame) for frame in clip.frames] == clip.indices.tolist()
    start = clip.indices[0] / 25
    assert clip.waveform.shape == (round(8 * 4 / 25 * 16_000),)
    assert abs(clip_clock.lag_seconds(clip.waveform, 16_000, start)) < 0.08
    np.testing.assert_array_equal(clip.indices, same.indices)
    assert clip.indices[0] != other.indices[0]
