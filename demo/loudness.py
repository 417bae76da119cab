"""What a recorder's automatic gain does to every clip, real or fake: level and crest factor."""

import numpy as np
import numpy.typing as npt


def level_out(
    waveform: npt.NDArray[np.float32], rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return the waveform, shape (S,), at a random loudness and crest factor, in [-1, 1].

    Both are drawn from the same ranges for every clip, so that neither tells how it was made.
    Silence is returned as it is.
    """
    crest = 10 ** (rng.uniform(11.0, 14.0) / 20)
    level = 10 ** (rng.uniform(-28.0, -18.0) / 20)
    spread = float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))
    if spread == 0:
        return waveform
    limited = _limit_crest(waveform / spread, crest)
    spread = float(np.sqrt(np.mean(np.square(limited, dtype=np.float64))))
    return (limited * (level / spread)).clip(-1, 1).astype(np.float32)


def _limit_crest(waveform: npt.NDArray[np.floating], crest: float) -> npt.NDArray[np.floating]:
    """Return the waveform softly limited to a ratio of peak to root mean square."""
    low, high = 0.01, 10.0  # drive: from nearly linear to nearly square
    if _crest(waveform) <= crest:
        return waveform
    for _ in range(12):
        drive = np.sqrt(low * high)
        if _crest(np.tanh(drive * waveform)) > crest:
            low = drive
        else:
            high = drive
    return np.tanh(high * waveform)


def _crest(waveform: npt.NDArray[np.floating]) -> float:
    return float(np.abs(waveform).max() / np.sqrt(np.mean(np.square(waveform))))
