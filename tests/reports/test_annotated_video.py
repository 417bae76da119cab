import av
import numpy as np
import pytest

from macbdf_mm.errors import DecoderStoppedError, UndecodableMediaError, UnwritableFileError
from macbdf_mm.media.decoding_process import DecodingProcess
from macbdf_mm.media.frames import shown_frames
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.read_span import read_span
from macbdf_mm.reports import annotated_video
from macbdf_mm.reports.annotated_video import Annotation, write_annotated_video


def note(seconds=2.0, **fields):
    curve = np.full(40, 0.2)
    curve[10:20] = 0.9
    unseen = np.full(40, np.nan)
    return Annotation(
        **{
            "headline": "Parts look forged: 0.45",
            "duration_seconds": seconds,
            "curves": {"file": curve, "video": curve, "audio": unseen},
            "thresholds": {"file": 0.5, "video": 0.5, "audio": 0.5},
            "flagged": {"video": [(0.5, 1.0)]},
            "proposals": {"video": [(0.6, 0.9)]},
            "digest": "abc",
        }
        | fields
    )


def times_of(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return sorted(float(p.pts * stream.time_base) for p in container.demux(stream) if p.size)


def packets_of(path):
    with av.open(str(path)) as container:
        return [bytes(p) for p in container.demux(container.streams.audio[0]) if p.size]


def test_frames_keep_their_pictures_and_times(make_clip, clip_clock, tmp_path):
    """Of a variable frame rate, as phones write it."""
    steps = np.tile([0.02, 0.05, 0.04, 0.13], 12)
    moments = np.cumsum(steps) - steps[0]
    path = make_clip(seconds=3.0, frame_seconds=moments)
    write_annotated_video(path, note(3.0), out := tmp_path / "out.mp4")
    np.testing.assert_allclose(times_of(out), moments, atol=1e-3)
    with MediaFile(out) as file:
        shown = [clip_clock.read(image[:240]) for image, _ in shown_frames(file, (0, 9))]
    assert shown == list(range(len(moments)))


@pytest.mark.parametrize("start", [0.0, 0.3])
def test_the_sound_is_copied_and_stays_in_step(make_clip, clip_clock, tmp_path, start):
    path = make_clip(seconds=2.0, sound_start_seconds=start)
    write_annotated_video(path, note(), out := tmp_path / "out.mp4")
    assert packets_of(out) == packets_of(path)
    original, copy = (read_span(p, (0.5, 1.5), 1, 16_000).waveform for p in (path, out))
    assert clip_clock.lag_seconds(copy, 16_000, 0.5) == pytest.approx(
        clip_clock.lag_seconds(original, 16_000, 0.5), abs=1e-3
    )


@pytest.mark.parametrize("name", ["clip.ts", "clip.mkv"])
def test_a_clock_that_does_not_begin_at_zero(make_clip, clip_clock, tmp_path, name):
    """A transport stream begins at 1.4 s; in the other file, pictures begin late."""
    late = name == "clip.mkv"
    moments = np.arange(50) / 25 + (0.4 if late else 0.0)
    path = make_clip(name, seconds=2.4, frame_seconds=moments)
    write_annotated_video(path, note(), out := tmp_path / "out.mp4")
    np.testing.assert_allclose(times_of(out), np.arange(50) / 25, atol=2e-3)
    original, copy = (read_span(p, (0.5, 1.5), 1, 16_000).waveform for p in (path, out))
    start = 0.9 if late else 0.5
    assert abs(clip_clock.lag_seconds(original, 16_000, start)) < 0.03
    assert clip_clock.lag_seconds(copy, 16_000, start) == pytest.approx(
        clip_clock.lag_seconds(original, 16_000, start), abs=2e-3
    )


def test_sound_that_mp4_does_not_hold_is_encoded_anew_and_stays_in_step(
    make_clip, clip_clock, tmp_path
):
    path = make_clip("clip.mov", seconds=2.0, audio_codec="pcm_s16le", sound_start_seconds=0.2)
    write_annotated_video(path, note(), out := tmp_path / "out.mp4")
    with av.open(str(out)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
    waveform = read_span(out, (0.5, 1.5), 1, 16_000).waveform
    assert clip_clock.lag_seconds(waveform, 16_000, 0.5) == pytest.approx(0.0, abs=2e-3)


def test_a_turned_video_is_upright(make_face_clip, tmp_path):
    path = make_face_clip(seconds=0.4, turns=1)
    write_annotated_video(path, note(0.4), out := tmp_path / "out.mp4")
    original, copy = (read_span(p, (0, 0.4), 1, 16_000).frames[0] for p in (path, out))
    scale = copy.shape[1] // original.shape[1]
    assert scale == 2  # Narrow pictures are enlarged.
    top = copy[: scale * original.shape[0] : scale, ::scale]
    assert np.abs(top.astype(int) - original).mean() < 6


def test_scores_are_drawn_under_the_picture(make_clip, tmp_path):
    path = make_clip(seconds=2.0, with_sound=False)
    write_annotated_video(path, note(), out := tmp_path / "out.mp4")
    early, late = (
        read_span(out, (s, s + 0.04), 1, 16_000).frames[0].astype(int) for s in (0.2, 1.6)
    )
    panel_early, panel_late = early[256:], late[256:]
    changed = np.abs(panel_early - panel_late).max(axis=(0, 2)) > 60
    left, right = np.flatnonzero(changed)[[0, -1]]
    # The line of the moment moves from a tenth of the lane to four fifths.
    assert left < 0.45 * early.shape[1] < right
    with av.open(str(out)) as container:
        assert container.metadata["comment"] == "abc"


def test_memory_does_not_depend_on_the_length(make_clip, tmp_path, monkeypatch):
    held = []
    encode = annotated_video._video_packets

    def watched(file, stream, canvas):
        frame = canvas.frame

        def counted(*arguments):
            made = frame(*arguments)
            held.append(made.pts)
            return made

        canvas.frame = counted
        for packet in encode(file, stream, canvas):
            # Frames in the encoder: its look-ahead, not the file.
            assert held[-1] - packet.pts < 90_000 * 4
            yield packet

    monkeypatch.setattr(annotated_video, "_video_packets", watched)
    path = make_clip(seconds=8.0)
    write_annotated_video(path, note(8.0), tmp_path / "out.mp4")
    assert len(held) == 200


def test_a_file_without_video_is_refused(make_clip, tmp_path):
    path = make_clip("clip.m4a", seconds=1.0, with_video=False)
    with pytest.raises(UndecodableMediaError, match="has no video on which scores"):
        write_annotated_video(path, note(), tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_mp3_of_a_rate_that_mp4_does_not_hold_is_encoded_anew(make_clip, tmp_path, monkeypatch):
    """Cameras with 8 kHz sound. What FFmpeg refuses is an error of that file, and no crash."""
    path = make_clip("clip.mkv", seconds=1.0, audio_codec="libmp3lame", sample_rate=8_000)
    write_annotated_video(path, note(1.0), out := tmp_path / "out.mp4")
    with av.open(str(out)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
    monkeypatch.setattr(annotated_video, "_can_be_copied", lambda codec, rate: True)
    with pytest.raises(UndecodableMediaError, match="no annotated video can be made of it"):
        write_annotated_video(path, note(1.0), tmp_path / "other.mp4")
    assert {file.name for file in tmp_path.iterdir()} == {"clip.mkv", "out.mp4"}


def test_a_full_disk_is_no_fault_of_the_file(make_clip):
    with DecodingProcess() as process, pytest.raises(UnwritableFileError, match="/dev/full cannot"):
        write_annotated_video(make_clip(seconds=0.4), note(0.4), "/dev/full", process)


def test_a_process_that_is_stopped_leaves_nothing(make_clip, tmp_path):
    path = make_clip(seconds=1.0)
    with DecodingProcess(0.001) as process, pytest.raises(DecoderStoppedError):
        write_annotated_video(path, note(1.0), tmp_path / "out.mp4", process)
    assert [file.name for file in tmp_path.iterdir()] == ["clip.mp4"]
