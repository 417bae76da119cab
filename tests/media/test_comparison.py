from dataclasses import replace

import cv2
import numpy as np
import pytest
from recordings import record, save, swap_face, swap_voice
from scipy.signal import butter, correlate, sosfilt

from macbdf_mm.errors import MissingDataError, UndecodableMediaError
from macbdf_mm.media.comparison import (
    OriginalTracks,
    compare_pictures,
    compare_sounds,
    is_silent,
)

RATE = 16_000
RECORDING = record(0, seconds=2.0)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return save(tmp_path_factory.mktemp("original") / "original.mp4", RECORDING)


def compare(original, tmp_path, recording, name="clip.mp4", **options):
    clip = save(tmp_path / name, recording, **{"crf": 30, "audio_bit_rate": 32_000, **options})
    return OriginalTracks(original).compare(clip)


def test_encoding_anew_changes_neither_track(original, tmp_path):
    comparison = compare(original, tmp_path, RECORDING)
    assert comparison.audio_min_correlation > 0.95
    assert comparison.video_difference < 2.5


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
    tracks = OriginalTracks(original)
    with pytest.raises(UndecodableMediaError, match=r"broken\.mp4"):
        tracks.compare(broken)
    with pytest.raises(MissingDataError, match=r"gone\.mp4"):
        tracks.compare(tmp_path / "gone.mp4")
    assert tracks.compare(good).video_difference < 2.5
    with pytest.raises(UndecodableMediaError, match=r"^original: .*broken\.mp4"):
        OriginalTracks(broken)
    with pytest.raises(MissingDataError, match=r"^original: .*gone\.mp4"):
        OriginalTracks(tmp_path / "gone.mp4")


def test_an_original_serves_any_number_of_files(original, tmp_path):
    tracks = OriginalTracks(original)
    fake = save(tmp_path / "fake.mp4", swap_face(RECORDING, 1))
    same = save(tmp_path / "same.mp4", RECORDING)
    differences = [tracks.compare(path).video_difference for path in (fake, same, fake)]
    assert differences[0] == differences[2] > 7 > 2.5 > differences[1]


def speech_like(seed, seconds=2.0):
    rng = np.random.default_rng(seed)
    noise = sosfilt(butter(4, (150, 3000), "bandpass", fs=RATE, output="sos"), rng.normal(size=(
        round(seconds * RATE))))  # fmt: skip
    loudness = np.interp(np.arange(len(noise)), np.linspace(0, len(noise), 20), rng.random(20))
    return (0.3 * noise * loudness).astype(np.float32)


def shifted(waveform, lag):
    """Return the waveform, later by ``lag`` samples."""
    return np.concatenate([np.zeros(lag, np.float32), waveform]) if lag >= 0 else waveform[-lag:]


@pytest.mark.parametrize("lag", [0, 333, -1024, 7900])
@pytest.mark.parametrize("gain", [0.2, 1.0])
def test_the_same_sound_fits_however_loud_or_late_it_is(lag, gain):
    sound = speech_like(0)
    result = compare_sounds(sound, gain * shifted(sound, lag), RATE)
    assert result.correlation == pytest.approx(1.0, abs=1e-4)
    assert result.min_correlation == pytest.approx(1.0, abs=1e-4)
    assert result.lag_seconds == lag / RATE


def test_another_sound_does_not_fit():
    result = compare_sounds(speech_like(0), speech_like(1), RATE)
    assert abs(result.correlation) < 0.3
    assert result.min_correlation < 0.3


def test_one_replaced_word_shows_in_the_worst_half_second_only():
    sound, edited = speech_like(0, 6.0), speech_like(0, 6.0)
    edited[50_000:58_000] = speech_like(1, 0.5)
    result = compare_sounds(sound, edited, RATE)
    assert result.correlation > 0.85
    assert result.min_correlation < 0.3


def test_a_word_put_into_a_pause_is_heard():
    sound = speech_like(0, 4.0)
    sound[20_000:40_000] = 0
    edited = sound.copy()
    edited[24_000:34_000] = speech_like(1, 0.625)
    assert compare_sounds(sound, edited, RATE).min_correlation < 0.3


def test_noise_in_pauses_does_not_count():
    rng = np.random.default_rng(3)
    sound = speech_like(0, 4.0)
    sound[20_000:40_000] = 0
    noises = 0.003 * rng.normal(size=(2, len(sound))).astype(np.float32)
    assert compare_sounds(sound + noises[0], sound + noises[1], RATE).min_correlation > 0.95


def test_lag_and_correlation_are_those_of_scipy():
    a, b = speech_like(0), shifted(speech_like(0), 217) + speech_like(2)[:1].repeat(32_217)
    b = (b + 0.1 * np.random.default_rng(1).normal(size=len(b))).astype(np.float32)
    result = compare_sounds(a, b, RATE)
    products = correlate(b - b.mean(), a - a.mean(), mode="full")
    lags = np.arange(len(products)) - (len(a) - 1)
    near = abs(lags) <= RATE // 2
    lag = lags[near][np.argmax(products[near])]
    assert result.lag_seconds * RATE == lag
    expected = np.corrcoef(a, b[lag : lag + len(a)])[0, 1]
    assert result.correlation == pytest.approx(expected, abs=1e-6)


def test_silence():
    assert is_silent(np.zeros(100, np.float32))
    assert is_silent(np.zeros(0, np.float32))
    assert not is_silent(speech_like(0))
    with pytest.raises(ValueError, match="Expected sound in `second`, got 50 silent samples"):
        compare_sounds(speech_like(0), np.zeros(50, np.float32), RATE)


def pictures(num=4, height=128, width=160):
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 216, (num, 8, 10, 3), dtype=np.uint8)
    return np.stack([cv2.resize(image, (width, height)) for image in coarse])


def test_equal_pictures_do_not_differ():
    assert compare_pictures(pictures(), pictures()) == 0


def test_a_patch_of_another_brightness_is_measured_in_grey_levels():
    first = np.full((3, 128, 160, 3), 100, np.uint8)
    second = first.copy()
    second[:, 40:80, 40:80] += 12
    assert compare_pictures(first, second) == pytest.approx(12, abs=0.01)


def test_neither_brightness_nor_fine_noise_counts():
    rng = np.random.default_rng(1)
    first = pictures()
    noise = rng.integers(-6, 7, first.shape)
    noisy = (first.astype(int) + 10 + noise).clip(0, 255).astype(np.uint8)
    assert compare_pictures(first, noisy) < 1.0


@pytest.mark.parametrize(("num_changed", "counts"), [(4, True), (1, False)])
def test_a_face_swapped_in_half_of_the_pictures_counts_one_damaged_picture_does_not(
    num_changed, counts
):
    first = pictures(8)
    second = first.copy()
    second[:num_changed, 40:80, 40:80] = 255 - second[:num_changed, 40:80, 40:80]
    assert (compare_pictures(first, second) > 20) == counts


def test_pictures_of_another_size_are_resized():
    first = pictures()
    smaller = np.stack([cv2.resize(p, (80, 64), interpolation=cv2.INTER_AREA) for p in first])
    assert compare_pictures(smaller, first) < 2


def test_pictures_of_another_shape_cannot_be_compared():
    assert compare_pictures(pictures(), np.rot90(pictures(), axes=(1, 2))) is None


def test_numbers_of_pictures_must_fit():
    with pytest.raises(ValueError, match="as many pictures in `first` as in `second`, got 4 and 3"):
        compare_pictures(pictures(), pictures(3))
    with pytest.raises(ValueError, match="got 0 and 0"):
        compare_pictures(pictures()[:0], pictures()[:0])
