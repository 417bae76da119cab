"""What recorders, telephones and lossy codecs do to the sound of a clip."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from macbdf_mm.datasets.transforms.random_change import RandomChange, check_order
from macbdf_mm.errors import ArgumentError
from macbdf_mm.media.sound import resample
from macbdf_mm.registry import TRANSFORMS

_MU = 255.0


@TRANSFORMS.register_module()
class AudioGain(RandomChange):
    """Make the sound louder or softer by a random number of decibels.

    Required keys: waveform. Modified keys: waveform, clipped to [-1, 1].

    Args:
        min_db: Smallest change.
        max_db: Largest change.
        probability: How often anything is changed.

    Raises:
        ValueError: If the range is empty or the probability outside of [0, 1].
    """

    def __init__(
        self, min_db: float = -12.0, max_db: float = 6.0, probability: float = 0.5
    ) -> None:
        super().__init__(probability)
        check_order("min_db", min_db, "max_db", max_db)
        self.min_db, self.max_db = min_db, max_db

    def change(self, results: dict[str, Any]) -> None:
        """Bring the waveform to another level."""
        gain = 10 ** (np.random.uniform(self.min_db, self.max_db) / 20)
        louder = results["waveform"] * np.float32(gain)
        results["waveform"] = louder.clip(-1.0, 1.0).astype(np.float32)


@TRANSFORMS.register_module()
class AudioNoise(RandomChange):
    """Add white noise at a random signal-to-noise ratio.

    The ratio counts against the samples that exist; silence gets no noise.

    Required keys: waveform, audio_valid. Modified keys: waveform.

    Args:
        min_snr_db: Loudest noise.
        max_snr_db: Softest noise.
        probability: How often noise is added.

    Raises:
        ValueError: If the range is empty or the probability outside of [0, 1].
    """

    def __init__(
        self, min_snr_db: float = 10.0, max_snr_db: float = 40.0, probability: float = 0.5
    ) -> None:
        super().__init__(probability)
        check_order("min_snr_db", min_snr_db, "max_snr_db", max_snr_db)
        self.min_snr_db, self.max_snr_db = min_snr_db, max_snr_db

    def change(self, results: dict[str, Any]) -> None:
        """Put noise into the waveform where there is sound."""
        valid = results["audio_valid"]
        if not valid.any():
            return
        waveform = results["waveform"]
        level = float(np.sqrt(np.mean(np.square(waveform[valid], dtype=np.float64))))
        snr_db = np.random.uniform(self.min_snr_db, self.max_snr_db)
        noise = np.random.standard_normal(len(waveform)) * level * 10 ** (-snr_db / 20)
        results["waveform"] = (waveform + np.where(valid, noise, 0)).astype(np.float32)


@TRANSFORMS.register_module()
class AudioCodec(RandomChange):
    """Degrade the sound by a lower sample rate or by 8-bit mu-law, at random.

    Which of them, and the rate, is drawn anew for each clip. Timing is kept.

    Required keys: waveform, sample_rate. Modified keys: waveform.

    Args:
        sample_rates: Lower rates to choose from, in Hz; higher ones than the clip's do nothing.
        mu_law: Whether mu-law is one of the choices.
        probability: How often anything is changed.

    Raises:
        ValueError: If there is nothing to choose from, or the probability outside of [0, 1].
    """

    def __init__(
        self,
        sample_rates: Sequence[int] = (8_000, 11_025),
        mu_law: bool = True,
        probability: float = 0.3,
    ) -> None:
        super().__init__(probability)
        self.choices: tuple[int | None, ...] = (*sample_rates, *((None,) if mu_law else ()))
        if not self.choices:
            raise ArgumentError("Expected `sample_rates` or `mu_law`, got neither.")

    def change(self, results: dict[str, Any]) -> None:
        """Put the waveform through the codec."""
        rate = self.choices[np.random.randint(len(self.choices))]
        waveform, own_rate = results["waveform"], results["sample_rate"]
        if rate is None:
            results["waveform"] = through_mu_law(waveform)
        elif rate < own_rate:
            results["waveform"] = through_lower_rate(waveform, own_rate, rate)


def through_mu_law(waveform: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return PCM in [-1, 1] after 8-bit mu-law companding (ITU-T G.711's curve)."""
    clipped = waveform.clip(-1.0, 1.0)
    companded = np.sign(clipped) * np.log1p(_MU * np.abs(clipped)) / np.log1p(_MU)
    # 255 levels, so that silence stays exactly zero.
    coded = np.rint(companded * 127) / 127
    expanded = np.sign(coded) * np.expm1(np.abs(coded) * np.log1p(_MU)) / _MU
    return expanded.astype(np.float32)


def through_lower_rate(
    waveform: npt.NDArray[np.float32], sample_rate: int, lower_rate: int
) -> npt.NDArray[np.float32]:
    """Return the waveform, of the same length, without what ``lower_rate`` cannot carry."""
    there_and_back = resample(resample(waveform, sample_rate, lower_rate), lower_rate, sample_rate)
    length = len(waveform)
    return np.pad(there_and_back[:length], (0, max(0, length - len(there_and_back))))
