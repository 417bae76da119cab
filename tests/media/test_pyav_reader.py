import gc
import resource

import numpy as np
import pytest

from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.media.pyav_reader import PyAVReader


def test_spans_can_be_read_in_any_order(make_clip, clip_clock):
    with PyAVReader(make_clip(gop=40)) as reader:
        for start in (2.0, 0.5, 1.2, 0.0, 2.6):
            frames, valid = reader.read_frames([start + 0.02, start + 0.1])
            assert valid.all()
            expected = [int((start + shift) * 25 + 1e-6) for shift in (0.02, 0.1)]
            assert [clip_clock.read(frame) for frame in frames] == expected
            waveform, known = reader.read_waveform((start, start + 0.3), 16_000)
            assert known.mean() > 0.95
            assert abs(clip_clock.lag_seconds(waveform, 16_000, start)) < 2e-3


def test_every_frame_can_be_asked_for(make_clip, clip_clock):
    with PyAVReader(make_clip()) as reader:
        frames, valid = reader.read_frames((np.arange(75) + 0.5) / 25)
        assert [clip_clock.read(frame) for frame in frames] == list(range(75))
        assert valid.all()


def test_times_before_and_after_the_video_are_not_valid(make_clip):
    with PyAVReader(make_clip(seconds=1.0)) as reader:
        frames, valid = reader.read_frames([-0.5, 0.5, 0.98, 1.5])
        assert valid.tolist() == [False, True, True, False]
        assert not frames[~valid].any()
        assert reader.read_frames([])[0].shape == (0, 64, 96, 3)


def test_sound_is_the_same_whatever_the_span_it_was_read_in(make_clip):
    with PyAVReader(make_clip("a.mov", audio_codec="pcm_s16le", sample_rate=44_100)) as reader:
        whole, _ = reader.read_waveform((0.0, 3.0), 16_000)
        part, _ = reader.read_waveform((1.0, 2.0), 16_000)
    # Half a sample of the file lies between the two grids.
    np.testing.assert_allclose(part, whole[16_000:32_000], atol=0.01)


def test_size_needs_a_video(make_clip):
    with PyAVReader(make_clip("a.m4a", with_video=False)) as reader:
        with pytest.raises(ValueError, match="has no video"):
            _ = reader.frame_size
        with pytest.raises(ValueError, match="has no video"):
            _ = reader.stream_start_seconds


def test_neither_track_decodes(make_clip):
    path = make_clip(options={"movflags": "faststart"}, seconds=1.0)
    content = path.read_bytes()
    start = content.index(b"mdat") + 4
    path.write_bytes(content[:start])
    with pytest.raises(UndecodableMediaError, match="neither video nor audio that can be decoded"):
        PyAVReader(path)


def test_memory_does_not_grow_with_the_clips_read(make_clip):
    path = make_clip(seconds=2.0)

    def read(times):
        for _ in range(times):
            with PyAVReader(path) as reader:
                reader.read_frames([0.5, 1.0])
                reader.read_waveform((0.5, 1.0), 16_000)
        gc.collect()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = read(60)
    growth_kb = (read(120) - before) / 120
    assert growth_kb < 60


def test_frames_that_would_fill_the_memory_are_refused(make_clip, monkeypatch):
    monkeypatch.setattr("macbdf_mm.media.pyav_reader._MAX_FRAME_BYTES", 5 * 64 * 96 * 3)
    with PyAVReader(make_clip()) as reader:
        assert len(reader.read_frames([0.1] * 5)[0]) == 5
        with pytest.raises(UndecodableMediaError, match="96x64 pixels, of which 6 do not fit"):
            reader.read_frames([0.1] * 6)
        assert len(reader.read_frames([0.1] * 6, short_side=32)[0]) == 6


def test_damaged_sound_is_left_out_rather_than_blaring(tmp_path, write_media):
    sound = 0.5 * np.sin(np.arange(48_000) / 5).astype(np.float32)
    sound[16_000:17_000] = 3000.0
    path = write_media(tmp_path / "a.wav", sounds=[sound], audio_codec="pcm_f32le")
    with PyAVReader(path) as reader:
        waveform, valid = reader.read_waveform((0.0, 3.0), 16_000)
    assert np.abs(waveform).max() < 0.6
    assert not valid[16_000:17_000].any()
    assert 0.8 < valid.mean() < 1.0


def test_every_frame_that_begins_in_a_span_is_shown_once(make_clip, clip_clock):
    times = np.concatenate([np.arange(20) * 0.04, 0.8 + np.arange(10) * 0.11])
    path = make_clip(frame_seconds=times)
    with PyAVReader(path) as reader:
        for start, end in [(0.0, 3.0), (0.4, 1.02), (-1.0, 0.0)]:
            shown = [
                (clip_clock.read(image), at) for image, at in reader.shown_frames((start, end))
            ]
            expected = [k for k, at in enumerate(times) if start <= at < end]
            assert [number for number, _ in shown] == expected
            np.testing.assert_allclose([at for _, at in shown], times[expected], atol=1e-3)


def test_a_file_without_video_shows_no_frames(make_clip):
    with PyAVReader(make_clip("a.m4a", with_video=False)) as reader:
        assert list(reader.shown_frames((0.0, 1.0))) == []
