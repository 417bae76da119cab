"""What people bring, through the data set: files as phones, cutters and servers leave them.

Frame k of each file shows the number k, and each moment of its sound has a pitch of its own, so
what comes out tells when it was.
"""

import av
import numpy as np
import pytest

from macbdf_mm.datasets import ClipRow, save_annotation
from macbdf_mm.datasets.audio_visual_forgery_dataset import AudioVisualForgeryDataset
from macbdf_mm.structures.labels import UNKNOWN

SECONDS, FPS, RATE = 3.0, 25, 16_000
SPAN_SECONDS, NUM_FRAMES = 1.28, 32


@pytest.fixture
def load(tmp_path):
    """Return the function that loads the three windows of a file through a data set."""

    def load(path):
        save_annotation(
            tmp_path / "annotation.json", {"dataset": "d"}, [ClipRow(path.name, 0, 0, 0)]
        )
        pipeline = [
            dict(type="SampleClipSpan", span_seconds=SPAN_SECONDS, test_mode=True),
            dict(type="DecodeAudioVisual", num_frames=NUM_FRAMES),
            dict(type="PackForgeryInputs", num_steps=8),
        ]
        data = AudioVisualForgeryDataset(
            "annotation.json",
            pipeline,
            str(tmp_path),
            test_mode=True,
            windows_per_clip=3,
            # In this process, for speed; what the child gives is the same.
            decode_time_limit_seconds=None,
        )
        return [data[index] for index in range(len(data))]

    return load


def steps(item):
    """Return the moments at which the frames of an item are looked at, in seconds."""
    start, end = item["data_samples"].span_seconds
    return start + (np.arange(NUM_FRAMES) + 0.5) * (end - start) / NUM_FRAMES


def numbers(item, clip_clock):
    """Return the number that each valid frame shows, and when it is looked at."""
    frames = item["inputs"]["video"].permute(1, 2, 3, 0).numpy()
    valid = item["inputs"]["video_mask"].numpy()
    return np.array([clip_clock.read(frame) for frame in frames[valid]]), steps(item)[valid]


def check(item, clip_clock, frame_seconds, min_frames=1.0, min_sound=1.0):
    """Assert that frames are shown in their time, and that the sound is of the same moments."""
    video, sound = item["inputs"]["video_mask"], item["inputs"]["audio_mask"]
    assert video.float().mean() >= min_frames
    assert sound.float().mean() >= min_sound - 1e-6
    shown, moments = numbers(item, clip_clock)
    # How much later in the whole recording everything is than in this file.
    ends = np.append(frame_seconds[1:], frame_seconds[-1] + 1 / FPS)
    offsets = np.array(frame_seconds)[shown] - moments, ends[shown] - moments
    offset = float(np.max(offsets[0]))
    assert offset <= float(np.min(offsets[1])) + 1e-6, "a frame is shown out of its time"
    start = item["data_samples"].span_seconds[0]
    lag = clip_clock.lag_seconds(item["inputs"]["waveform"].numpy(), RATE, start + offset)
    assert abs(lag) <= 1 / FPS, "the sound is of another moment"
    return offset


REGULAR = np.arange(round(SECONDS * FPS)) / FPS
UNEVEN = np.cumsum([0.0, *np.random.default_rng(0).choice([0.02, 0.04, 0.12], 57)])
PHONE = {
    "hevc": ("a.mp4", dict(video_codec="libx265")),
    "vp9": ("a.webm", dict(video_codec="libvpx-vp9", audio_codec="libopus", sample_rate=48_000)),
    "fragmented": ("a.mp4", dict(options={"movflags": "frag_keyframe+empty_moov"})),
    "5.1": ("a.mp4", dict(layout="5.1", sample_rate=48_000)),
    "late-sound": ("a.mkv", dict(sound_start_seconds=0.2)),
    **{
        f"{rate}-hz": ("a.mkv", dict(audio_codec="pcm_s16le", sample_rate=rate))
        for rate in (8_000, 11_025, 22_050, 32_000, 44_100)
    },
}


@pytest.mark.parametrize("name", PHONE)
def test_regular_files(make_clip, load, clip_clock, name):
    file, options = PHONE[name]
    for item in load(make_clip(file, **options)):
        offset = check(item, clip_clock, REGULAR, 1.0, 0.8 if name == "late-sound" else 0.98)
        assert abs(offset) <= 1 / FPS


@pytest.mark.parametrize("file", ["a.mp4", "a.mkv", "a.mov"])
def test_variable_frame_rate(make_clip, load, clip_clock, file):
    for item in load(make_clip(file, seconds=UNEVEN[-1] + 0.04, frame_seconds=UNEVEN)):
        offset = check(item, clip_clock, UNEVEN, 0.9, 0.95)
        assert abs(offset) <= 1 / FPS


def copy_packets(source, target, from_seconds):
    """Write the packets from a moment on, key frame or not, as careless cutters do."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        for packet in old.demux():
            if packet.dts is None or packet.pts * packet.time_base < from_seconds:
                continue
            packet.stream = streams[packet.stream.index]
            new.mux(packet)
    return target


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_cut_between_key_frames(make_clip, load, clip_clock, tmp_path, suffix):
    whole = make_clip(f"whole.{suffix}", seconds=4.0, gop=30)
    path = copy_packets(whole, tmp_path / f"cut.{suffix}", 0.7)
    for index, item in enumerate(load(path)):
        # What comes before the first key frame (1.2 s) refers to pictures that are gone.
        offset = check(item, clip_clock, np.arange(100) / FPS, 0.5 if index == 0 else 0.9, 0.5)
        assert 0.6 <= offset <= 1.3


def test_turned(make_clip, load, clip_clock):
    for item in load(make_clip(rotation=90)):
        assert item["inputs"]["video"].shape == (3, NUM_FRAMES, 96, 64)
        item["inputs"]["video"] = item["inputs"]["video"].rot90(-1, dims=(2, 3))
        check(item, clip_clock, REGULAR, 1.0, 0.98)


def test_truncated(make_clip, load, clip_clock):
    path = make_clip(options={"movflags": "faststart"})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 7 // 10])
    first, *_, last = load(path)
    check(first, clip_clock, REGULAR, 1.0, 0.98)
    # The header claims a length that is not there; the windows fit what is.
    assert last["data_samples"].span_seconds[1] < 0.9 * SECONDS
    check(last, clip_clock, REGULAR, 0.9, 0.9)


def test_no_sound_is_unknown_and_silence_is_not(make_clip, load):
    for item in load(make_clip("a.mp4", with_sound=False)):
        assert not item["inputs"]["audio_mask"].any()
        assert item["data_samples"].gt_audio_label == UNKNOWN
        assert item["inputs"]["video_mask"].all()
    for item in load(make_clip("b.mp4", silent=True)):
        assert item["inputs"]["audio_mask"].float().mean() > 0.98
        assert item["data_samples"].gt_audio_label == 0
        assert item["inputs"]["waveform"].abs().max() < 1e-3


def test_sound_alone(make_clip, load, clip_clock):
    for item in load(make_clip("a.m4a", with_video=False)):
        assert not item["inputs"]["video_mask"].any()
        assert not item["inputs"]["video"].any()
        assert item["data_samples"].gt_video_label == UNKNOWN
        start = item["data_samples"].span_seconds[0]
        lag = clip_clock.lag_seconds(item["inputs"]["waveform"].numpy(), RATE, start)
        assert abs(lag) < 2e-3


def test_the_check_sees_two_frames_of_desync(make_clip, load, clip_clock):
    for item in load(make_clip("a.mkv")):
        item["inputs"]["waveform"] = item["inputs"]["waveform"].roll(round(2 / FPS * RATE))
        with pytest.raises(AssertionError, match="the sound is of another moment"):
            check(item, clip_clock, REGULAR)
