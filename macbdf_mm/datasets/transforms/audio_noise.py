"""Adding noise to the sound of a clip."""

from typing import Any

import numpy as np

from macbdf_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class AudioNoise:
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
        if min_snr_db > max_snr_db:
            raise ValueError(
                f"Expected `min_snr_db` <= `max_snr_db`, got {min_snr_db} and {max_snr_db}."
            )
        if not 0 <= probability <= 1:
            raise ValueError(f"Expected `probability` in [0, 1], got {probability}.")
        self.min_snr_db, self.max_snr_db = min_snr_db, max_snr_db
        self.probability = probability

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``results`` with noise in the waveform where there is sound."""
        valid = results["audio_valid"]
        if np.random.random() < self.probability and valid.any():
            waveform = results["waveform"]
            level = float(np.sqrt(np.mean(np.square(waveform[valid], dtype=np.float64))))
            snr_db = np.random.uniform(self.min_snr_db, self.max_snr_db)
            noise = np.random.standard_normal(len(waveform)) * level * 10 ** (-snr_db / 20)
            results["waveform"] = (waveform + np.where(valid, noise, 0)).astype(np.float32)
        return results
