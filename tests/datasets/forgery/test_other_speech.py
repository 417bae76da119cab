import numpy as np
import pytest

from macbdf_mm.datasets.forgery.clip import Clip
from macbdf_mm.datasets.forgery.other_speech import (
    _draw_word,
    change_speed,
    dubbing,
    word_splice,
)


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


@pytest.mark.parametrize("speed", [0.7, 1.0, 1.35])
def test_speed_changes_and_pitch_does_not(speed):
    tone = np.sin(2 * np.pi * 437.5 * np.arange(48_000) / 16_000)
    tone[24_000:] = 0.0
    length = round(48_000 / speed)
    changed = change_speed(tone, speed, length)
    assert changed.shape == (length,)
    sounding = np.flatnonzero(np.abs(changed) > 0.1)
    # The window of 512 samples blurs the end of the tone.
    assert sounding[-1] == pytest.approx(24_000 / speed, abs=600)
    spectrum = np.abs(np.fft.rfft(changed[2000 : 2000 + 8192] * np.hanning(8192)))
    assert np.argmax(spectrum) * 16_000 / 8192 == pytest.approx(437.5, abs=4)


def test_the_donors_words_are_heard():
    frames = np.zeros((50, 4, 4, 3), np.uint8)
    beat = np.arange(32_000) / 16_000
    voice = np.random.default_rng(0).standard_normal(32_000)
    own, other = (
        (0.1 * voice * (np.sin(2 * np.pi * rate * beat) > 0)).astype(np.float32) for rate in (2, 5)
    )
    forged = dubbing(
        Clip(frames, own), (0.0, 2.0), np.random.default_rng(0), 0.0, Clip(frames, other)
    )
    envelope = np.abs(forged).reshape(-1, 160).mean(axis=1)
    rates = np.abs(np.fft.rfft(envelope - envelope.mean()))
    # 5 bursts a second, at a speed changed by 12 to 20 %.
    assert 4.0 <= np.argmax(rates) / 2 <= 6.1


def test_a_donor_dubs_from_the_same_time_on():
    frames = np.zeros((50, 4, 4, 3), np.uint8)
    rng = np.random.default_rng(0)
    own, other = (0.1 * rng.standard_normal(32_000).astype(np.float32) for _ in range(2))
    other[:16_000] = 0
    forged = dubbing(Clip(frames, own), (1.0, 2.0), rng, 0.0, Clip(frames, other))
    # The donor is silent before: taken from its beginning, this would be, too.
    assert forged[16_800:20_000].std() > 0.05


def test_words_are_replaced_by_words_and_not_by_pauses():
    giver = np.zeros(160_000, np.float32)
    giver[(np.arange(160_000) // 4000) % 5 == 0] = 1.0
    rng = np.random.default_rng(0)
    power = np.mean([np.mean(_draw_word(giver, 2000, rng) ** 2) for _ in range(300)])
    # Of four places, one falls into the sounding fifth in 59 % of the draws.
    assert power == pytest.approx(1 - 0.8**4, abs=0.1)
