from dataclasses import replace

import numpy as np
import pytest
from recordings import record, save, swap_face, swap_voice

from macbdf_mm.media.track_comparison import compare_with_original

RECORDING = record(0, seconds=2.0)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return save(tmp_path_factory.mktemp("original") / "original.mp4", RECORDING)


def compare(original, tmp_path, recording, name="clip.mp4", **options):
    clip = save(tmp_path / name, recording, **{"crf": 30, "audio_bit_rate": 32_000, **options})
    [comparison] = compare_with_original(original, [clip])
    return comparison


def test_encoding_anew_changes_neither_track(original, tmp_path):
    comparison = compare(original, tmp_path, RECORDING)
    assert comparison.audio_min_correlation > 0.95
    assert comparison.video_difference < 2.5
    assert comparison.error is None


@pytest.mark.parametrize(
    ("forge", "audio", "video"),
    [(swap_face, "real", "fake"), (swap_voice, "fake", "real")],
)
def test_the_forged_track_is_told_from_the_other(original, tmp_path, forge, audio, video):
    comparison = compare(original, tmp_path, forge(RECORDING, 1))
    assert (comparison.audio_min_correlation > 0.95) == (audio == "real")
    assert (comparison.audio_min_correlation < 0.6) == (audio == "fake")
    assert (comparison.video_difference < 2.5) == (video == "real")
    assert (comparison.video_difference > 7.0) == (video == "fake")


def test_pictures_one_frame_apart_are_aligned(original, tmp_path):
    late = replace(RECORDING, frames=np.concatenate([RECORDING.frames[:1], RECORDING.frames[:-1]]))
    assert compare(original, tmp_path, late, crf=20).video_difference < 2.5
    later = replace(late, frames=np.concatenate([late.frames[:4], late.frames[:-4]]))
    assert compare(original, tmp_path, later, crf=20).video_difference > 7


def test_sound_that_was_moved_is_measured(original, tmp_path):
    moved = np.concatenate([np.zeros(3200, np.float32), RECORDING.waveform[:-3200]])
    comparison = compare(original, tmp_path, replace(RECORDING, waveform=moved))
    assert comparison.audio_lag_seconds == pytest.approx(0.2, abs=0.01)
    assert comparison.audio_min_correlation > 0.9


def test_tracks_that_are_missing_or_silent(original, tmp_path):
    assert compare(original, tmp_path, RECORDING, with_sound=False).audio_correlation is None
    silent = replace(RECORDING, waveform=np.zeros_like(RECORDING.waveform))
    comparison = compare(original, tmp_path, silent)
    assert (comparison.audio_correlation, comparison.audio_silence) == (None, "clip")
    silent_original = save(tmp_path / "silent.mp4", silent)
    assert compare(silent_original, tmp_path, RECORDING).audio_silence == "original"
    assert compare(silent_original, tmp_path, silent).audio_silence == "both"


def test_another_resolution_and_rate(original, tmp_path):
    half = RECORDING.frames[::2, ::2, ::2]
    comparison = compare(original, tmp_path, replace(RECORDING, frames=half, fps=12.5), crf=18)
    assert comparison.video_difference < 7.0


def test_files_that_cannot_be_read_are_named(original, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(original.read_bytes()[:200])
    good = save(tmp_path / "good.mp4", RECORDING)
    first, second = compare_with_original(original, [broken, good])
    assert "broken.mp4" in first.error
    assert first.video_difference is None
    assert second.error is None
    [only] = compare_with_original(broken, [good])
    assert only.error.startswith("original: ")
