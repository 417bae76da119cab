"""Leaving out what cannot be judged: blank or frozen pictures, silence, incomplete tracks."""

from typing import Any

import numpy as np

from macbdf_mm.media.unusable import unusable_tracks
from macbdf_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class MaskUnusable:
    """Mask a track of a window that is blank, frozen, silent or incomplete.

    The model then sees the window as if the file lacked the track there: it gets no score of the
    track, and the overall score is that of the other one. Comes right after decoding. What counts
    as unusable is said in :mod:`~macbdf_mm.media.unusable`.

    Required keys: imgs, T frames (H, W, 3), uint8; video_valid (T,); waveform (S,);
    audio_valid (S,); sample_rate. Optional keys: picture_seconds, as ``DecodeAudioVisual`` gives
    it. Modified keys: video_valid, audio_valid. Added keys: unusable, where a track is: a dict from
    ``'video'`` and ``'audio'`` to ``'blank'``, ``'frozen'``, ``'silent'`` or ``'incomplete'``.
    """

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``results`` with masks of what can be judged."""
        unusable = unusable_tracks(
            results["imgs"],
            results["video_valid"],
            results["waveform"],
            results["audio_valid"],
            results["sample_rate"],
            results.get("picture_seconds", 0.0),
        )
        for track in unusable:
            results[f"{track}_valid"] = np.zeros_like(results[f"{track}_valid"])
        if unusable:
            results["unusable"] = unusable
        return results
