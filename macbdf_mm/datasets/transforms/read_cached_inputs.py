"""Reading a span that was decoded before."""

from pathlib import Path
from typing import Any

import numpy as np

from macbdf_mm.datasets.input_cache import InputCache, open_input_cache
from macbdf_mm.errors import ConfigError
from macbdf_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ReadCachedInputs:
    """Read what ``SampleClipSpan`` and ``DecodeAudioVisual`` gave when the cache was written.

    It replaces them at the front of a pipeline. One of the spans of a clip is drawn at random;
    the data set seeds the draw by (seed, epoch, index).

    Required keys: sample_idx, file. Added keys: span_seconds and those of ``DecodeAudioVisual``.

    Args:
        cache_dir: A folder that ``write_input_cache`` wrote for the same data set.

    Raises:
        MissingDataError: If there is no cache in the folder.
        ConfigError: If the cache was written for another data set.
    """

    def __init__(self, cache_dir: str | Path) -> None:
        self.cache_dir = cache_dir
        self._cache: InputCache | None = None

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``results`` with the frames, the waveform and their span."""
        if self._cache is None:
            # Opened late: only then does a worker process map the files by itself.
            self._cache = open_input_cache(self.cache_dir)
        index, files = results["sample_idx"], self._cache.files
        found = files[index] if index < len(files) else None
        if found != results["file"]:
            raise ConfigError(
                f"{self.cache_dir} was written for another data set: item {index} is "
                f"{results['file']!r} here and {found!r} there; remove the folder."
            )
        draw = int(np.random.randint(self._cache.num_draws)) if self._cache.num_draws > 1 else 0
        results.update(self._cache.read(index, draw))
        return results
