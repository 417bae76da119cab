import av
import numpy as np
import pytest

from macbdf_mm.media import frame_walk, span_reader
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.read_span import read_span
from macbdf_mm.media.sound import SoundReader, read_waveform
from macbdf_mm.media.span_reader import SpanReader, forget_reader, read_next_span
from macbdf_mm.media.spans import following_spans, plan_windows

NUM_FRAMES, SAMPLE_RATE, SPAN = 16, 16_000, 1.28


def _assert_same(found, expected):
    for name, value in vars(expected).items():
        np.testing.assert_array_equal(getattr(found, name), value, err_msg=name)


def _read_all(path, spans, **options):
    """Return the spans as they are read in order, each compared with reading it by itself."""
    found = []
    for number, span in enumerate(spans, start=1):
        later = following_spans(spans, number)
        found.append(read_next_span(path, span, NUM_FRAMES, SAMPLE_RATE, later=later, **options))
        _assert_same(found[-1], read_span(path, span, NUM_FRAMES, SAMPLE_RATE, **options))
    return found


@pytest.fixture
def count_apart(monkeypatch):
    """The spans that were read by themselves after all."""
    spans = []

    def counted(path, span, *args, **kwargs):
        spans.append(span)
        return read_span(path, span, *args, **kwargs)

    monkeypatch.setattr(span_reader, "read_span", counted)
    return spans


FORMATS = {
    "mp4": {"name": "a.mp4", "gop": 30},
    "turned": {"name": "a.mov", "rotation": 90},
    "matroska, times rounded": {"name": "a.mkv", "fps": 30_000 / 1001, "sample_rate": 44_100},
    "transport stream": {"name": "a.ts"},
    "transport stream with one key frame": {"name": "a.ts", "gop": 250},
    "fragments": {"name": "a.mp4", "options": {"movflags": "frag_keyframe+empty_moov"}},
    "vp9 and opus": {
        "name": "a.webm",
        "video_codec": "libvpx-vp9",
        "audio_codec": "libopus",
        "sample_rate": 48_000,
    },
    "every picture a key frame": {"name": "a.mp4", "gop": 1},
    "slow": {"name": "a.mp4", "fps": 2.0},
    "video alone": {"name": "a.mp4", "with_sound": False},
    "sound alone": {"name": "a.m4a", "with_video": False},
    "late sound that ends early": {
        "name": "a.mp4",
        "sound_start_seconds": 0.4,
        "sound_seconds": 1.0,
    },
}


@pytest.mark.parametrize("options", FORMATS.values(), ids=FORMATS)
def test_spans_in_order_are_those_read_one_by_one(make_clip, count_apart, options):
    path = make_clip(seconds=3.2, **options)
    _read_all(path, plan_windows(3.2, SPAN, stride_seconds=0.3), short_side=48)
    # Nor of a transport stream, to whose start no seek leads.
    assert not count_apart


@pytest.mark.parametrize(("stride", "seconds"), [(1.28, 5.0), (1.7, 7.0), (13.0, 15.0)])
def test_spans_may_touch_or_leave_gaps(make_clip, count_apart, stride, seconds):
    path = make_clip(seconds=seconds, gop=20, fps=10.0)
    _read_all(path, plan_windows(seconds, SPAN, stride_seconds=stride))
    assert not count_apart


def test_without_presentation_times_each_is_read_by_itself(make_clip, count_apart):
    path = make_clip("a.avi", seconds=2.0, video_codec="mpeg4", audio_codec="mp3")
    spans = plan_windows(2.0, SPAN, stride_seconds=0.64)
    _read_all(path, spans)
    assert count_apart == spans


def test_a_picture_is_decoded_and_converted_once(make_clip, monkeypatch):
    path = make_clip(seconds=4.0, gop=250)
    packets, pictures = [], []
    decode = frame_walk.decode_strictly
    monkeypatch.setattr(
        frame_walk, "decode_strictly", lambda *args: packets.append(args[1]) or decode(*args)
    )
    convert = frame_walk.FrameConverter.to_rgb
    monkeypatch.setattr(
        frame_walk.FrameConverter,
        "to_rgb",
        lambda self, frame, *out: pictures.append(frame.pts) or convert(self, frame, *out),
    )
    spans = plan_windows(4.0, SPAN, stride_seconds=0.64)
    reader = SpanReader(path, NUM_FRAMES, SAMPLE_RATE)
    for number, span in enumerate(spans, start=1):
        assert reader.read(span, following_spans(spans, number)) is not None
    reader.close()
    assert 90 < len(packets) <= 101  # Of 100 pictures, and the end.
    # Steps of 0.08 s, at the same moments in all of them.
    assert len(pictures) == len(set(pictures)) == 50


def test_memory_of_windows_that_overlap_is_bounded(make_clip, monkeypatch):
    """Pictures that later windows show are parts of the frames of this one, and keep all of it."""
    path = make_clip(seconds=4.0)
    spans = plan_windows(4.0, SPAN, stride_seconds=0.16)
    reader = SpanReader(path, NUM_FRAMES, SAMPLE_RATE)
    shared_bytes = reader.read(spans[0], following_spans(spans, 1)).frames.nbytes
    monkeypatch.setattr(frame_walk, "_MAX_SHARED_BYTES", shared_bytes)
    for number, span in enumerate(spans[1:], start=2):
        reader.read(span, following_spans(spans, number))
        kept = {id(each): each.nbytes for each in map(_whole, reader._walk._run._kept.values())}
        assert number < 9 or sum(kept.values()) <= 2 * shared_bytes
        # No picture waits for a window that does not come.
        assert len(reader._walk._run._undecided) <= 2
    reader.close()


def _whole(image):
    return image if image.base is None else image.base


def test_damaged_files_are_read_as_before(make_clip):
    path = make_clip(seconds=4.0, gop=25)
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    rng = np.random.default_rng(0)
    content[rng.integers(len(content) // 4, len(content) * 3 // 4, 40)] = 255
    path.write_bytes(content.tobytes())
    found = _read_all(path, plan_windows(4.0, SPAN, stride_seconds=0.64))
    assert sum(span.num_damaged for span in found)


def test_a_later_start_and_an_earlier_one_are_found(make_clip):
    """As after a child that died, or for a file that is read again."""
    path = make_clip(seconds=4.0)
    spans = plan_windows(4.0, SPAN, stride_seconds=0.64)
    _read_all(path, spans[2:])
    _read_all(path, spans[:2] + spans[1:3] + spans[:1])


def test_a_file_that_changes_is_read_anew(make_clip):
    spans = plan_windows(2.0, SPAN, stride_seconds=0.64)
    path = make_clip(seconds=2.0)
    read_next_span(path, spans[0], NUM_FRAMES, SAMPLE_RATE, later=spans[1:])
    path.write_bytes(make_clip("other.mp4", seconds=3.0, gop=5, silent=True).read_bytes())
    found = read_next_span(path, spans[1], NUM_FRAMES, SAMPLE_RATE)
    assert not found.waveform.any()


def test_no_file_stays_open_behind_its_last_span(make_clip):
    path = make_clip(seconds=1.5)
    spans = plan_windows(1.5, SPAN, stride_seconds=0.64)
    _read_all(path, spans)
    assert span_reader._latest is None
    read_next_span(path, spans[0], NUM_FRAMES, SAMPLE_RATE, later=spans[1:])
    assert span_reader._latest is not None
    forget_reader()


def test_a_wrong_argument_is_refused_as_by_a_single_read(make_clip):
    with pytest.raises(ValueError, match="num_frames"):
        read_next_span(make_clip(seconds=1.0), (0.0, 1.0), 0, SAMPLE_RATE)
    with pytest.raises(FileNotFoundError):
        read_next_span("none.mp4", (0.0, 1.0), NUM_FRAMES, SAMPLE_RATE)


def test_sound_far_into_a_track_is_decoded_in_parts(tmp_path, write_media, monkeypatch):
    """AAC makes noise by random numbers: the parts begin with a decoder of their own."""
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 0.1, 90 * SAMPLE_RATE).astype(np.float32)
    path = write_media(tmp_path / "a.m4a", sounds=[sound])
    opened = []
    open_file = av.open
    monkeypatch.setattr(av, "open", lambda *a, **k: opened.append(a) or open_file(*a, **k))
    reader = SoundReader(path)
    starts = [0.0, 58.9, 59.5, 60.5, 62.0, 79.5, 80.5, 81.0]
    for start in starts:
        opened.clear()
        waveform, valid, _ = reader.read((start, start + SPAN), SAMPLE_RATE)
        # At 60 s and at 80 s.
        assert len(opened) == (start in (60.5, 80.5))
        with MediaFile(path) as file:
            expected = read_waveform(file, (start, start + SPAN), SAMPLE_RATE)
        np.testing.assert_array_equal(waveform, expected[0])
        np.testing.assert_array_equal(valid, expected[1])
    reader.close()
