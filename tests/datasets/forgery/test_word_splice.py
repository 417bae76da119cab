import numpy as np

from macbdf_mm.datasets.forgery.clip import Clip
from macbdf_mm.datasets.forgery.word_splice import word_splice


def test_most_of_the_interval_is_other_sound_with_a_higher_noise_floor():
    # A pure tone: whatever else is heard afterwards came with the splice.
    tone = (0.1 * np.sin(np.arange(48_000) * 0.3)).astype(np.float32)
    clip = Clip(np.zeros((75, 4, 4, 3), np.uint8), tone)
    forged = word_splice(clip, (0.0, 3.0), np.random.default_rng(0), strength=1.0)
    residue = np.abs(np.fft.rfft(forged * np.hanning(48_000)))
    before = np.abs(np.fft.rfft(tone * np.hanning(48_000)))
    assert np.median(residue) > 100 * np.median(before)


def test_a_donor_shorter_than_a_word_is_repeated():
    frames = np.zeros((25, 4, 4, 3), np.uint8)
    clip = Clip(frames, np.full(16_000, 0.05, np.float32))
    donor = Clip(frames, (0.1 * np.sin(np.arange(500) * 0.5)).astype(np.float32))
    forged = word_splice(clip, (0.0, 1.0), np.random.default_rng(0), donor=donor)
    assert np.isfinite(forged).all()
