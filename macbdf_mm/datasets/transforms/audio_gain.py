"""Changing how loud a clip is."""

from typing import Any

import numpy as np

from macbdf_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class AudioGain:
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
        if min_db > max_db:
            raise ValueError(f"Expected `min_db` <= `max_db`, got {min_db} and {max_db}.")
        if not 0 <= probability <= 1:
            raise ValueError(f"Expected `probability` in [0, 1], got {probability}.")
        self.min_db, self.max_db, self.probability = min_db, max_db, probability

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``results`` with the waveform at another level."""
        if np.random.random() < self.probability:
            gain = 10 ** (np.random.uniform(self.min_db, self.max_db) / 20)
            louder = results["waveform"] * np.float32(gain)
            results["waveform"] = louder.clip(-1.0, 1.0).astype(np.float32)
        return results
