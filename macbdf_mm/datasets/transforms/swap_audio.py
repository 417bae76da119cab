"""The sound of another clip in place of a clip's own."""

from typing import Any

import numpy as np

from macbdf_mm.errors import ConfigError
from macbdf_mm.registry import TRANSFORMS

# So many others are tried, if the sound of one cannot be read.
_NUM_TRIED = 4


@TRANSFORMS.register_module()
class SwapAudio:
    """Replace the sound by that of another clip with the same labels, so that labels stay right.

    Drawn at random from the data set of the clip; of another person, where persons are known. To
    probe whether a detector looks at how sound and picture go together. A clip without sound, or
    without another of its labels, stays as it is.

    Required keys: waveform, audio_valid, span_seconds, path, label, audio_label, and dataset, which
    an ``AudioVisualForgeryDataset`` gives. Optional keys: identity.
    Modified keys: waveform, audio_valid, audio_fake_intervals.
    """

    def __init__(self) -> None:
        self._lender: Any = None
        self._indices: dict[tuple[int, int], list[int]] = {}

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``results`` with other sound, or as they are."""
        if not results["audio_valid"].any():
            return results
        if self._lender is None:
            self._open(results)
        for index in self._draw(results):
            lent = self._lender[index]
            if lent["audio_valid"].any():
                results["waveform"], results["audio_valid"] = lent["waveform"], lent["audio_valid"]
                later = results["span_seconds"][0] - lent["span_seconds"][0]
                results["audio_fake_intervals"] = tuple(
                    (max(0.0, start + later), end + later)
                    for start, end in lent.get("audio_fake_intervals", ())
                    if end + later > 0
                )
                break
        return results

    def _open(self, results: dict[str, Any]) -> None:
        if "dataset" not in results:
            raise ConfigError(
                "SwapAudio needs the data set of the clip as `dataset`, which an "
                "AudioVisualForgeryDataset gives."
            )
        self._lender = results["dataset"].before(self)
        for index in range(len(self._lender)):
            info = self._lender.get_data_info(index)
            self._indices.setdefault((info["label"], info["audio_label"]), []).append(index)

    def _draw(self, results: dict[str, Any]) -> list[int]:
        """Return items whose sound is taken, those of other people first."""
        same = self._indices.get((results["label"], results["audio_label"]), [])
        strangers: list[int] = []
        others: list[int] = []
        for place in np.random.permutation(len(same)):
            info = self._lender.get_data_info(same[place])
            if info["path"] == results["path"]:
                continue
            is_known = info.get("identity") is not None
            is_stranger = is_known and info["identity"] != results.get("identity")
            (strangers if is_stranger else others).append(same[place])
            if len(strangers) == _NUM_TRIED:
                break
        return [*strangers, *others][:_NUM_TRIED]
