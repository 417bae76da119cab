"""What telephones and lossy codecs do to the sound of a clip."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from macbdf_mm.media.sound import resample
from macbdf_mm.registry import TRANSFORMS

_MU = 255.0


@TRANSFORMS.register_module()
class AudioCodec:
    """Take the sound through a lower sample rate, or through 8-bit mu-law, at random.

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
        self.choices: tuple[int | None, ...] = (*sample_rates, *((None,) if mu_law else ()))
        if not self.choices:
            raise ValueError("Expected `sample_rates` or `mu_law`, got neither.")
        if not 0 <= probability <= 1:
            raise ValueError(f"Expected `probability` in [0, 1], got {probability}.")
        self.probability = probability

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``results`` with the waveform as it comes out of the codec."""
        if np.random.random() < self.probability:
            rate = self.choices[np.random.randint(len(self.choices))]
            waveform, own_rate = results["waveform"], results["sample_rate"]
            if rate is None:
                results["waveform"] = through_mu_law(waveform)
            elif rate < own_rate:
                results["waveform"] = through_lower_rate(waveform, own_rate, rate)
        return results


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
