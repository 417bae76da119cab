import av
import numpy as np
import pytest

from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.media.clock import Clock, PacketTimes, put_in_order, runs_on
from macbdf_mm.media.measure import measure_file
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.probe import probe
from macbdf_mm.media.read_span import read_span


def packets_at(times, stream=0, step=0.04):
    return [PacketTimes(stream, t, t, t + step) for t in times]


def interleaved(*rows):
    """Packets of two streams in turn, as files hold them."""
    return [packet for pair in zip(*rows, strict=True) for packet in pair]


def shifted(packets, clock):
    """When packets start after the clock was put in order, by stream."""
    counts, starts = {}, {}
    for packet in packets:
        ordinal = counts[packet.stream] = counts.get(packet.stream, -1) + 1
        moves = [s for first, s in clock.shifts.get(packet.stream, []) if first <= ordinal]
        starts.setdefault(packet.stream, []).append(packet.start + (moves[-1] if moves else 0.0))
    return starts


SECOND = np.arange(25) / 25


def test_a_clock_that_runs_on_stays_as_it_is():
    packets = interleaved(packets_at(SECOND), packets_at(SECOND + 0.1, stream=1))
    assert runs_on(packets)
    assert put_in_order(packets) == Clock()


@pytest.mark.parametrize("second", [0.0, -5.0, 90_000.0])
def test_both_tracks_go_on_together_where_the_clock_starts_anew(second):
    # A clock that starts anew comes as a leap ahead where FFmpeg takes it for one that ran over.
    first = interleaved(packets_at(SECOND), packets_at(SECOND, stream=1))
    again = interleaved(packets_at(second + SECOND), packets_at(second + SECOND + 0.02, stream=1))
    # Of one track, the last packet comes after the first one of the other's next part.
    again.insert(1, first.pop())
    packets = first + again
    assert not runs_on(packets)
    clock = put_in_order(packets)
    assert (clock.is_sought, clock.num_restarts) == (False, 1)
    starts = shifted(packets, clock)
    np.testing.assert_allclose(starts[0], np.arange(50) / 25, atol=1e-6)
    np.testing.assert_allclose(starts[1][25:], 1.02 + SECOND, atol=1e-6)


def test_a_track_that_ended_early_goes_on_with_the_other():
    packets = [
        *interleaved(packets_at(SECOND[:5]), packets_at(SECOND[:5], stream=1)),
        *packets_at(0.2 + np.arange(95) / 25),
        *interleaved(packets_at(SECOND), packets_at(SECOND + 0.5, stream=1)),
    ]
    starts = shifted(packets, put_in_order(packets))
    assert starts[1][5] == pytest.approx(4.5)


def test_a_track_that_starts_anew_alone_goes_on_where_it_was():
    packets = interleaved(packets_at(np.arange(50) / 25), packets_at([*SECOND, *SECOND], stream=1))
    clock = put_in_order(packets)
    assert set(clock.shifts[0]) == {(0, 0.0)}
    np.testing.assert_allclose(shifted(packets, clock)[1], np.arange(50) / 25, atol=1e-6)


def test_three_parts_of_a_track():
    packets = packets_at([*SECOND, *SECOND, *SECOND])
    clock = put_in_order(packets)
    assert clock.num_restarts == 2
    np.testing.assert_allclose(shifted(packets, clock)[0], np.arange(75) / 25, atol=1e-6)


@pytest.mark.parametrize("wrong", [95_000.0, -50.0, 0.0])
def test_a_single_bad_time_is_no_new_clock(wrong):
    packets = packets_at([*(10 + SECOND), wrong, *(11 + SECOND)])
    assert put_in_order(packets) == Clock()


def test_a_pause_stays_a_pause():
    assert runs_on(packets_at([*SECOND, *(300 + SECOND)]))


def test_packets_without_a_time_count():
    packets = packets_at([*SECOND, *SECOND])
    clock = put_in_order([0, *packets])
    assert clock.shifts[0][1][0] == 26


@pytest.mark.parametrize(
    ("suffix", "codecs"),
    [
        ("ts", {}),
        ("mkv", {}),
        ("mpg", {"video_codec": "mpeg2video", "audio_codec": "mp2"}),
    ],
)
def test_files_that_were_put_together_are_seen_whole(make_clip, clip_clock, suffix, codecs):
    rate = 44_100 if codecs else 16_000
    part = make_clip(f"part.{suffix}", seconds=2.0, sample_rate=rate, **codecs)
    whole = part.with_name(f"whole.{suffix}")
    whole.write_bytes(part.read_bytes() * 2)
    info = probe(whole)
    assert info.duration_seconds == pytest.approx(2 * probe(part).duration_seconds, abs=0.2)
    assert info.missing_seconds < 0.1
    span = read_span(whole, (2.4, 3.6), 6, 16_000)
    assert span.frame_valid.all()
    assert span.audio_valid.all()
    shown = np.array([clip_clock.read(image) for image in span.frames])
    assert np.all(np.diff(shown) == 5)
    # Sound and pictures of the second part are still of the same moments.
    start = 2.4 - (2.5 - shown[0] / 25)
    assert abs(clip_clock.lag_seconds(span.waveform, 16_000, start)) < 0.05


def test_fragments_whose_times_start_anew_are_refused(make_clip):
    options = {"movflags": "frag_keyframe+empty_moov"}
    part = make_clip("part.mp4", seconds=2.0, options=options)
    with MediaFile(part) as file:
        assert (file.clock.is_sought, file.clock.num_restarts) == (True, 0)
    part.write_bytes(part.read_bytes() * 2)
    with pytest.raises(UndecodableMediaError, match="times start anew"):
        probe(part)


def test_a_leap_ahead_does_not_end_a_file(tmp_path, write_media, clip_clock):
    times = np.concatenate([np.arange(50) / 25, 60 + np.arange(50) / 25])
    frames = [clip_clock.frame(k) for k in range(100)]
    for suffix in ("mp4", "mkv", "ts"):
        path = write_media(tmp_path / f"pause.{suffix}", frames, times)
        info = probe(path)
        assert info.duration_seconds == pytest.approx(62.0, abs=0.1)
        assert info.missing_seconds < 0.1
        shown = read_span(path, (60.4, 61.4), 5, 16_000).frames
        assert [clip_clock.read(image) for image in shown] == [62, 67, 72, 77, 82]


def test_packets_without_content_show_a_picture_for_longer(tmp_path):
    # As Theora repeats a picture; PyAV has no encoder of it.
    path = tmp_path / "still.nut"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        packets = []
        for index in range(50):
            image = np.full((64, 96, 3), 200 if index >= 40 else 40, np.uint8)
            packets += stream.encode(av.VideoFrame.from_ndarray(image))
        for number, packet in enumerate([*packets, *stream.encode()]):
            if 5 <= number < 38 or number >= 45:
                empty = av.Packet(b"")
                empty.pts, empty.dts, empty.duration = packet.pts, packet.dts, packet.duration
                empty.stream, empty.time_base = stream, packet.time_base
                packet = empty
            container.mux(packet)
    span = read_span(path, (0.0, 2.0), 16, 16_000)
    assert span.frame_valid.all()
    levels = span.frames.mean(axis=(1, 2, 3))
    assert (np.abs(levels[:12] - 40) < 10).all()
    assert (np.abs(levels[13:] - 200) < 10).all()
    assert probe(path).duration_seconds == pytest.approx(2.0, abs=0.05)
    measures = measure_file(path)
    assert (measures.num_frames, measures.num_damaged_packets) == (12, 0)


@pytest.mark.parametrize(
    ("suffix", "codec"), [("ogg", "libopus"), ("ogg", "flac"), ("flac", "flac")]
)
def test_sounds_that_were_put_together_are_heard_whole(make_clip, clip_clock, suffix, codec):
    part = make_clip(
        f"part.{suffix}", with_video=False, audio_codec=codec, sample_rate=48_000, seconds=3.0
    )
    whole = part.with_name(f"whole.{suffix}")
    whole.write_bytes(part.read_bytes() * 2)
    info = probe(whole)
    # FFmpeg gives no times to the last packets of a FLAC file before another one.
    assert info.duration_seconds == pytest.approx(6.0, abs=0.5 if suffix == "flac" else 0.05)
    assert info.missing_seconds < 0.1
    assert info.remarks == (
        "the clock starts anew 1 times; its parts are read one after the other",
    )
    span = read_span(whole, (4.0, 5.0), 1, 16_000)
    assert span.audio_valid.all()
    start = 4.0 - (info.duration_seconds - 3.0)
    assert abs(clip_clock.lag_seconds(span.waveform, 16_000, start)) < 0.05


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "flv"])
def test_a_pause_of_all_tracks_shows_the_picture_before_it(make_clip, clip_clock, suffix):
    whole = make_clip(f"whole.{suffix}", seconds=4.0, sample_rate=44_100)
    path = whole.with_name(f"pause.{suffix}")
    with av.open(str(whole)) as source, av.open(str(path), "w") as target:
        streams = [target.add_stream_from_template(stream) for stream in source.streams]
        for packet in source.demux():
            if packet.dts is None:
                continue
            if packet.dts * packet.time_base >= 2 + source.start_time / av.time_base:
                packet.pts += int(30 / packet.time_base)
                packet.dts += int(30 / packet.time_base)
            packet.stream = streams[packet.stream.index]
            target.mux(packet)
    span = read_span(path, (20.0, 21.0), 5, 16_000)
    assert span.frame_valid.all()
    assert not span.audio_valid.any()
    assert abs(clip_clock.read(span.frames[0]) - 49) <= 2
    assert probe(path).duration_seconds == pytest.approx(34.0, abs=0.5)
