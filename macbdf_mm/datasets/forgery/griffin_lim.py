"""The same speech through a coarse mel spectrogram: its phase is lost and rebuilt."""

import numpy as np
import numpy.typing as npt

from macbdf_mm.datasets.forgery.clip import Clip, sample_range
from macbdf_mm.datasets.forgery.phase_rebuilding import (
    magnitude_of,
    rebuild_phase,
    through_mel,
)
from macbdf_mm.datasets.forgery.sound_matching import (
    match_loudness,
    match_spectrum,
    replace_stretch,
)
from macbdf_mm.structures.intervals import Interval


def griffin_lim(
    clip: Clip,
    interval: Interval,
    rng: np.random.Generator,
    strength: float = 0.5,
    donor: Clip | None = None,
) -> npt.NDArray[np.float32]:
    """Return the waveform with the interval resynthesised from a mel spectrogram.

    Fewer bands and fewer iterations the higher the strength. The donor is not used. See
    :class:`~.clip.Operator` for the arguments.
    """
    start, end = sample_range(clip, interval)
    original = clip.waveform[start:end]
    fft_length, hop = 512, int(rng.choice([128, 160, 192]))
    if len(original) <= fft_length:
        raise ValueError(
            f"Expected `interval` of more than {fft_length} samples, got {len(original)}; "
            "choose a longer one."
        )
    num_mels = round(72 - 40 * strength + rng.uniform(-4, 4))
    num_iterations = round(14 - 10 * strength)
    magnitude = through_mel(magnitude_of(original, fft_length, hop), num_mels, clip.sample_rate)
    forged = rebuild_phase(magnitude, len(original), num_iterations, hop, rng)
    forged = match_loudness(match_spectrum(forged, original, clip.sample_rate), original)
    return replace_stretch(clip.waveform, forged, start, fade_samples=clip.sample_rate // 100)
