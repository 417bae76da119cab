"""Playing a clip backwards."""

from typing import Any

import numpy as np

from macbdf_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ReverseTime:
    """Play the span backwards, frames and sound; fake intervals are mirrored with it.

    To probe whether a detector looks at the order of things at all.

    Required keys: imgs, video_valid, waveform, audio_valid, span_seconds.
    Optional keys: video_fake_intervals, audio_fake_intervals.
    Modified keys: imgs, video_valid, waveform, audio_valid, video_fake_intervals,
    audio_fake_intervals; what of these lies outside of the span is left out, unless nothing else is
    there.
    """

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``results`` backwards."""
        results["imgs"] = list(reversed(results["imgs"]))
        for key in ("video_valid", "waveform", "audio_valid"):
            results[key] = np.ascontiguousarray(results[key][::-1])
        start, end = results["span_seconds"]
        for key in ("video_fake_intervals", "audio_fake_intervals"):
            mirrored = [
                (start + end - min(last, end), start + end - max(first, start))
                for first, last in results.get(key, ())
                if first < end and last > start
            ]
            if mirrored:  # No interval at all would mean fake throughout.
                results[key] = tuple(reversed(mirrored))
        return results
