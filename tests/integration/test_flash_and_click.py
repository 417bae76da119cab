"""Frame and sound of one moment agree, whoever reads them from whatever file at whatever place.

Every file has three flashes of one frame, and a click with each. What is read is compared with
where they were written, and with each other.
"""

from itertools import product

import numpy as np
import pytest

from macbdf_mm.datasets import ClipRow, save_annotation
from macbdf_mm.datasets.audio_visual_forgery_dataset import AudioVisualForgeryDataset
from macbdf_mm.media.read_span import read_span
from macbdf_mm.models.layers.log_mel import LogMel

FPS = 25
SECONDS = 4.0
MOMENTS = (0.6, 2.0, 3.2)
CLICK_SECONDS = 0.01
SPAN_SECONDS = 1.28
# Of the span: at the very start, at places within groups of pictures, and up to the last frame.
# Each holds one of the moments.
STARTS = (0.0, 0.37, 0.85, 1.3, 1.63, 2.3, SECONDS - SPAN_SECONDS)
# Steps of 10 ms tell where a frame begins more exactly than frames themselves do.
NUM_STEPS = round(SPAN_SECONDS / 0.01)

CONTAINERS = {
    "mp4": ("libx264", "aac", 16_000),
    "mov": ("libx264", "pcm_s16le", 44_100),
    "mkv": ("libx264", "flac", 48_000),
    "webm": ("libvpx-vp9", "libopus", 48_000),
    "avi": ("mpeg4", "pcm_s16le", 16_000),
}
# When the video and the sound begin in the file, in seconds.
OFFSETS = {
    "together": (0.0, 0.0),
    "sound-late": (0.0, 0.36),
    "video-late": (0.36, 0.0),
    "both-late": (0.2, 0.52),
}
# AVI has no place for a stream's start.
FILES = [pair for pair in product(CONTAINERS, OFFSETS) if pair[0] != "avi" or pair[1] == "together"]


@pytest.fixture(scope="module")
def flash_file(tmp_path_factory, write_media):
    """Return a function that gives the file of a container and offset, written once."""
    folder, written = tmp_path_factory.mktemp("flashes"), {}

    def give(suffix, offset, desync_seconds=0.0):
        key = suffix, offset, desync_seconds
        if key not in written:
            path = folder / f"{offset}_{desync_seconds}.{suffix}"
            written[key] = write_flashes(write_media, path, OFFSETS[offset], desync_seconds)
        return written[key]

    return give


def write_flashes(write_media, path, starts_seconds, desync_seconds):
    video_codec, audio_codec, sample_rate = CONTAINERS[path.suffix[1:]]
    video_start, sound_start = starts_seconds
    times = np.arange(round(SECONDS * FPS)) / FPS
    frames = [np.full((64, 64, 3), 230 if shows_flash(t) else 20, np.uint8) for t in times]
    # The clicks are on the clock of the video, which begins at `video_start` in the file.
    length = video_start + SECONDS - sound_start
    clock = sound_start - video_start + np.arange(round(length * sample_rate)) / sample_rate
    sound = np.zeros(len(clock))
    for moment in np.add(MOMENTS, desync_seconds):
        inside = (clock >= moment) & (clock < moment + CLICK_SECONDS)
        sound += inside * 0.8 * np.sin(2 * np.pi * 1000 * (clock - moment))
    return write_media(
        path,
        frames,
        video_start + times,
        [sound.astype(np.float32)],
        video_codec=video_codec,
        audio_codec=audio_codec,
        sample_rate=sample_rate,
        sound_start_seconds=sound_start,
    )


def shows_flash(seconds):
    return min(abs(seconds - moment) for moment in MOMENTS) < 1e-6


def moment_in(start):
    (moment,) = [m for m in MOMENTS if start <= m < start + SPAN_SECONDS]
    return moment


def onset(levels):
    """Return the index at which a burst begins: the first value over half of the highest."""
    return int(np.flatnonzero(levels >= 0.5 * levels.max())[0])


def check_sync(path, start, backend):
    """Assert that flash and click are within a frame of each other, and of where they belong."""
    span = read_span(path, (start, start + SPAN_SECONDS), NUM_STEPS, 16_000, backend=backend)
    brightness = span.frames.mean(axis=(1, 2, 3))
    assert brightness.max() > 150, "no flash"
    assert np.abs(span.waveform).max() > 0.3, "no click"
    flash = start + onset(brightness) * SPAN_SECONDS / NUM_STEPS
    click = start + onset(np.abs(span.waveform)) / 16_000
    assert abs(flash - moment_in(start)) <= 1 / FPS, "flash misplaced"
    assert abs(click - flash) <= 1 / FPS, "click away from the flash"


@pytest.mark.parametrize("backend", ["pyav", "decord"])
@pytest.mark.parametrize(("suffix", "offset"), FILES)
def test_flash_and_click_meet(flash_file, suffix, offset, backend):
    path = flash_file(suffix, offset)
    for start in STARTS:
        check_sync(path, start, backend)


@pytest.mark.parametrize("shift_frames", [-2, 2])
@pytest.mark.parametrize("backend", ["pyav", "decord"])
@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_two_frames_of_desync_are_seen(flash_file, suffix, backend, shift_frames):
    path = flash_file(suffix, "together", shift_frames / FPS)
    for start in STARTS:
        with pytest.raises(AssertionError, match="click away from the flash"):
            check_sync(path, start, backend)


class TestDataSet:
    """The same through the data set: child process, windows, packing, log-mel."""

    NUM_FRAMES = 32

    def windows(self, path, test_mode):
        row = ClipRow(path.name, 0, 0, 0, duration_seconds=SECONDS)
        save_annotation(path.parent / "annotation.json", {"dataset": "flashes"}, [row])
        pipeline = [
            dict(type="SampleClipSpan", span_seconds=SPAN_SECONDS, test_mode=test_mode),
            dict(type="DecodeAudioVisual", num_frames=self.NUM_FRAMES),
            dict(type="PackForgeryInputs", num_steps=8),
        ]
        data = AudioVisualForgeryDataset(
            "annotation.json",
            pipeline,
            str(path.parent),
            test_mode=test_mode,
            windows_per_clip=9,
        )
        for epoch in range(1 if test_mode else 12):
            data.set_epoch(epoch)
            yield from (data[index] for index in range(len(data)))

    def lags(self, path, test_mode):
        """Return how much later clicks are heard than flashes are seen, in seconds."""
        found = []
        for item in self.windows(path, test_mode):
            video, waveform = item["inputs"]["video"], item["inputs"]["waveform"]
            step = SPAN_SECONDS / self.NUM_FRAMES
            flashes = np.flatnonzero(video.float().mean(dim=(0, 2, 3)).numpy() > 150)
            start, end = item["data_samples"].span_seconds
            if any(abs(m - edge) < 0.15 for m in MOMENTS for edge in (start, end)):
                continue  # The window may part flash and click.
            if sum(start < m < end for m in MOMENTS) != 1:
                continue
            assert len(flashes) == 1
            mel = LogMel()(waveform[None])[0]  # (M, T), hops of 10 ms
            energy = mel.exp().sum(dim=0)
            # A frame shows a step's middle, so it began up to a step before that.
            flash = flashes[0] * step
            hop = SPAN_SECONDS / energy.shape[-1]
            heard = (onset(energy.numpy()) * hop, onset(waveform.abs().numpy()) / 16_000)
            found.append([moment - flash for moment in heard])
        assert len(found) >= 4
        return np.array(found)

    @pytest.mark.parametrize("test_mode", [True, False])
    @pytest.mark.parametrize("offset", ["sound-late", "video-late"])
    def test_log_mel_and_waveform_fit_the_frames(self, flash_file, offset, test_mode):
        lags = self.lags(flash_file("mp4", offset), test_mode)
        assert np.abs(lags).max() <= 1 / FPS

    def test_desync_is_seen(self, flash_file):
        lags = self.lags(flash_file("mp4", "together", 2 / FPS), test_mode=True)
        assert lags.min() > 1 / FPS
