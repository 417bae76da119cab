import numpy as np
import pytest

from demo.identity import draw_identity
from demo.performance import render_performance, say_something_else


def perform(seed):
    rng = np.random.default_rng(seed)
    return render_performance(draw_identity(rng), 3.2, rng, size=64)


def envelope(waveform):
    """Return the root mean square of each frame's sound, shape (T,)."""
    return np.sqrt(np.square(waveform.reshape(-1, 640), dtype=np.float64).mean(axis=1))


def aperture(performance):
    articulation = performance.articulation
    times = (np.arange(len(performance.clip.frames)) + 0.5) / 25
    return articulation.at_times(articulation.aperture, times)


def best_lag(opening, loudness, reach=8):
    lags = range(-reach, reach + 1)
    inner = slice(reach, len(opening) - reach)
    scores = [np.corrcoef(opening[inner], np.roll(loudness, lag)[inner])[0, 1] for lag in lags]
    return lags[int(np.argmax(scores))]


@pytest.mark.parametrize("seed", range(4))
def test_mouth_and_voice_are_in_sync(seed):
    performance = perform(seed)
    loudness = envelope(performance.clip.waveform)
    assert np.corrcoef(aperture(performance), loudness)[0, 1] > 0.75
    assert abs(best_lag(aperture(performance), loudness)) <= 1


def test_other_words_do_not_fit_the_mouth():
    fits, others = [], []
    for seed in range(4):
        performance = perform(seed)
        other = say_something_else(performance, np.random.default_rng(seed))
        assert other.waveform.shape == performance.clip.waveform.shape
        assert other.frames is performance.clip.frames
        fits.append(np.corrcoef(aperture(performance), envelope(performance.clip.waveform))[0, 1])
        others.append(np.corrcoef(aperture(performance), envelope(other.waveform))[0, 1])
    assert np.mean(others) < np.mean(fits) - 0.3


def test_tracks_have_the_same_length():
    clip = perform(0).clip
    assert len(clip.frames) / clip.fps == len(clip.waveform) / clip.sample_rate
    assert np.abs(clip.waveform).max() <= 1.0
