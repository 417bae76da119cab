import gc
import resource

import av
import numpy as np
import pytest

from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.media.frames import read_frames, shown_frames
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.sound import read_waveform


def test_spans_can_be_read_in_any_order(make_clip, clip_clock):
    with MediaFile(make_clip(gop=40)) as file:
        for start in (2.0, 0.5, 1.2, 0.0, 2.6):
            frames, valid = read_frames(file, [start + 0.02, start + 0.1])
            assert valid.all()
            expected = [int((start + shift) * 25 + 1e-6) for shift in (0.02, 0.1)]
            assert [clip_clock.read(frame) for frame in frames] == expected
            waveform, known = read_waveform(file, (start, start + 0.3), 16_000)
            assert known.mean() > 0.95
            assert abs(clip_clock.lag_seconds(waveform, 16_000, start)) < 2e-3


def test_every_frame_can_be_asked_for(make_clip, clip_clock):
    with MediaFile(make_clip()) as file:
        frames, valid = read_frames(file, (np.arange(75) + 0.5) / 25)
        assert [clip_clock.read(frame) for frame in frames] == list(range(75))
        assert valid.all()


def test_times_before_and_after_the_video_are_not_valid(make_clip):
    with MediaFile(make_clip(seconds=1.0)) as file:
        frames, valid = read_frames(file, [-0.5, 0.5, 0.98, 1.5])
        assert valid.tolist() == [False, True, True, False]
        assert not frames[~valid].any()
        assert read_frames(file, [])[0].shape == (0, 64, 96, 3)


def test_reading_frames_needs_a_video(make_clip):
    path = make_clip("a.m4a", with_video=False)
    with MediaFile(path) as file, pytest.raises(ValueError, match=r"a\.m4a has no video"):
        read_frames(file, [0.5])


def test_memory_does_not_grow_with_the_clips_read(make_clip):
    path = make_clip(seconds=2.0)

    def read(times):
        for _ in range(times):
            with MediaFile(path) as file:
                read_frames(file, [0.5, 1.0])
                read_waveform(file, (0.5, 1.0), 16_000)
        gc.collect()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = read(60)
    growth_kb = (read(120) - before) / 120
    assert growth_kb < 60


def test_frames_that_would_fill_the_memory_are_refused(make_clip, monkeypatch):
    monkeypatch.setattr("macbdf_mm.media.limits.MAX_CLIP_BYTES", 5 * 64 * 96 * 3)
    with MediaFile(make_clip()) as file:
        assert len(read_frames(file, [0.1] * 5)[0]) == 5
        with pytest.raises(UndecodableMediaError, match="96x64 pixels, of which 6 do not fit"):
            read_frames(file, [0.1] * 6)
        assert len(read_frames(file, [0.1] * 6, short_side=32)[0]) == 6


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.avi", "mpeg4")])
def test_a_picture_stands_in_for_damaged_ones_for_half_a_second(make_clip, clip_clock, name, codec):
    path = make_clip(name, video_codec=codec, gop=5, with_sound=False)
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux() if packet.size]
    for packet in packets[20:60]:
        content[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    path.write_bytes(content)
    times = (np.arange(75) + 0.5) / 25
    with MediaFile(path) as file:
        frames, valid = read_frames(file, times)
    assert valid.tolist() == [True] * 31 + [False] * 29 + [True] * 15
    # What follows the damage may still refer to it.
    shown = [clip_clock.read(frame) for frame in frames[valid]]
    assert [*shown[:31], *shown[-10:]] == [*range(20), *[19] * 11, *range(65, 75)]


def test_every_frame_that_begins_in_a_span_is_shown_once(make_clip, clip_clock):
    times = np.concatenate([np.arange(20) * 0.04, 0.8 + np.arange(10) * 0.11])
    path = make_clip(frame_seconds=times)
    with MediaFile(path) as file:
        for start, end in [(0.0, 3.0), (0.4, 1.02), (-1.0, 0.0)]:
            shown = [(clip_clock.read(image), at) for image, at in shown_frames(file, (start, end))]
            expected = [k for k, at in enumerate(times) if start <= at < end]
            assert [number for number, _ in shown] == expected
            np.testing.assert_allclose([at for _, at in shown], times[expected], atol=1e-3)


def test_a_file_without_video_shows_no_frames(make_clip):
    with MediaFile(make_clip("a.m4a", with_video=False)) as file:
        assert list(shown_frames(file, (0.0, 1.0))) == []


def test_frames_are_found_where_a_seek_lands_too_late(make_clip, clip_clock):
    with MediaFile(make_clip("a.ts", gop=40)) as file:
        for start in (2.5, 0.5, 1.5):
            frames, valid = read_frames(file, [start + 0.02, start + 0.1])
            assert valid.all()
            expected = [int((start + shift) * 25 + 1e-6) for shift in (0.02, 0.1)]
            assert [clip_clock.read(frame) for frame in frames] == expected
            image, seconds = next(shown_frames(file, (start, start + 0.5)))
            assert clip_clock.read(image) == pytest.approx(25 * seconds, abs=0.1)
            assert seconds == pytest.approx(start, abs=0.04)


def test_frames_that_an_edit_list_leaves_out_are_never_shown(make_clip, clip_clock):
    # The list begins the file between two key frames, at frame 13.
    path = make_clip(
        frame_seconds=np.arange(50) / 25 - 0.5, options={"avoid_negative_ts": "disabled"}
    )
    with MediaFile(path) as file:
        frames, valid = read_frames(file, [-0.3, -0.05, 0.0, 0.1])
    assert valid.tolist() == [False, False, True, True]
    assert [clip_clock.read(frame) for frame in frames[valid]] == [13, 15]


def test_time_starts_where_an_edit_list_does_also_in_fragments(make_clip, clip_clock):
    # At 0, frame 12 has been shown for half of its time.
    path = make_clip(
        frame_seconds=np.arange(50) / 25 - 0.5,
        options={"avoid_negative_ts": "disabled", "movflags": "frag_keyframe+delay_moov"},
    )
    with MediaFile(path) as file:
        frames, valid = read_frames(file, [0.0, 0.1, 1.4])
        shown = [clip_clock.read(image) for image, _ in shown_frames(file, (0.0, 0.1))]
    assert valid.all()
    assert [clip_clock.read(frame) for frame in frames] == [12, 15, 47]
    assert shown == [13, 14]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm"])
def test_planned_frames_are_those_of_decoding_in_order(make_clip, monkeypatch, name):
    times = np.cumsum(np.random.default_rng(0).choice([0.02, 0.04, 0.1], 60))
    codec = "libvpx-vp9" if name == "a.webm" else "libx264"
    audio = "libopus" if name == "a.webm" else "aac"
    path = make_clip(
        name, frame_seconds=times, video_codec=codec, audio_codec=audio, sample_rate=48_000
    )
    # Up to the end of the last frame, which lasts as long as it says.
    wanted = np.sort(np.append(np.random.default_rng(1).uniform(-0.1, times[-1], 20), times[-1:]))
    wanted = np.append(wanted, times[-1] - times[0] + np.arange(0.005, 0.2, 0.01))
    wanted.sort()
    with MediaFile(path) as file:
        planned, planned_valid = read_frames(file, wanted)
        monkeypatch.setattr("macbdf_mm.media.frames.plan_frames", lambda *args: None)
        frames, valid = read_frames(file, wanted)
    np.testing.assert_array_equal(valid, planned_valid)
    np.testing.assert_array_equal(frames, planned)
    assert 0 < np.count_nonzero(~valid[-19:]) < 19


def test_frames_of_avi_are_in_order_where_pictures_are_reordered(make_clip, clip_clock):
    with MediaFile(make_clip("a.avi", video_codec="libx264", with_sound=False)) as file:
        _, valid = read_frames(file, (np.arange(75) + 0.5) / 25)
        assert valid.all()
        shown = [(clip_clock.read(image), at) for image, at in shown_frames(file, (0.4, 1.0))]
    assert [number for number, _ in shown] == list(range(10, 25))
    np.testing.assert_allclose([at for _, at in shown], np.arange(10, 25) / 25)


def test_a_frame_whose_time_runs_backwards_is_left_out(make_clip, clip_clock, monkeypatch):
    with MediaFile(make_clip(seconds=1.0)) as file:
        seconds_of = MediaFile.seconds_of
        monkeypatch.setattr(
            MediaFile,
            "seconds_of",
            lambda self, frame: 0.1 if seconds_of(self, frame) == 0.4 else seconds_of(self, frame),
        )
        shown = [clip_clock.read(image) for image, _ in shown_frames(file, (0.0, 1.0))]
    assert shown == [k for k in range(25) if k != 10]


@pytest.mark.parametrize("is_planned", [True, False])
def test_the_last_frame_is_shown_for_as_long_as_it_says(tmp_path, monkeypatch, is_planned):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.max_b_frames = 0
        image = av.VideoFrame.from_ndarray(np.zeros((64, 96, 3), np.uint8))
        packets = [packet for _ in range(10) for packet in stream.encode(image)]
        packets += stream.encode()
        packets[-1].duration = round(0.4 / packets[-1].time_base)
        container.mux(packets)
    if not is_planned:
        monkeypatch.setattr("macbdf_mm.media.frames.plan_frames", lambda *args: None)
    with MediaFile(path) as file:
        _, valid = read_frames(file, [0.35, 0.39, 0.7, 0.8])
    assert valid.tolist() == [True, True, True, False]
