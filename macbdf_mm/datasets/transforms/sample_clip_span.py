"""Choosing which seconds of a clip are looked at."""

from typing import Any

import numpy as np

from macbdf_mm.datasets.transforms.random_change import check_probability
from macbdf_mm.errors import ArgumentError, MissingDataError, UndecodableMediaError
from macbdf_mm.media.decoding_process import call_in
from macbdf_mm.media.probe import probe
from macbdf_mm.media.spans import plan_windows
from macbdf_mm.registry import TRANSFORMS
from macbdf_mm.structures.intervals import MIN_FAKE_OVERLAP_SECONDS, Interval


@TRANSFORMS.register_module()
class SampleClipSpan:
    """Choose the span of a clip: at random in training, a window in test.

    In test mode windows lie on a fixed grid, ``stride_seconds`` apart
    (:func:`~macbdf_mm.media.spans.plan_windows`), or are so many as ``num_windows`` says, evenly
    placed.

    A clip shorter than the span gives (0, span_seconds); decoding masks its end.

    Required keys: path.
    Optional keys: duration_seconds, video_fake_intervals, audio_fake_intervals, decode_error,
    decoding_process; in test mode window_index, 0 by default, and num_windows.
    Added keys: span_seconds (start, end).
    Modified keys: duration_seconds, measured where it is None.

    Args:
        span_seconds: Length of the span.
        test_mode: Whether to take windows instead of random spans.
        fake_span_probability: In training, how often the span of a partially fake clip is
            drawn such that it meets a fake interval; else it may fall anywhere. None: never
            forced. Only matters for clips with intervals.
        stride_seconds: From the start of a window to the next, in test mode. None: clips
            without ``num_windows`` have one window, in the middle.
    """

    def __init__(
        self,
        span_seconds: float,
        test_mode: bool = False,
        fake_span_probability: float | None = None,
        stride_seconds: float | None = None,
    ) -> None:
        if not span_seconds > 0:
            raise ArgumentError(f"Expected `span_seconds` > 0, got {span_seconds}.")
        if fake_span_probability is not None:
            check_probability("fake_span_probability", fake_span_probability)
        if stride_seconds is not None and not stride_seconds > 0:
            raise ArgumentError(f"Expected `stride_seconds` > 0 or None, got {stride_seconds}.")
        self.span_seconds = span_seconds
        self.test_mode = test_mode
        self.fake_span_probability = fake_span_probability
        self.stride_seconds = stride_seconds

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``results`` with its span."""
        if results.get("duration_seconds") is None:
            try:
                info = call_in(results.get("decoding_process"), probe, results["path"])
                results["duration_seconds"] = info.duration_seconds
            except (MissingDataError, UndecodableMediaError):
                if not results.get("decode_error"):
                    raise
                # Nothing of the file can be read, so there is no window to tell from another.
                results["span_seconds"] = (0.0, self.span_seconds)
                return results
        duration = results["duration_seconds"]
        if self.test_mode:
            windows = self.plan_windows(duration, results.get("num_windows"))
            # A clip shorter than a window has but one.
            span = windows[min(results.get("window_index", 0), len(windows) - 1)]
        else:
            span = self._random_span(results, duration)
        results["span_seconds"] = span
        return results

    def plan_windows(
        self, duration_seconds: float, num_windows: int | None = None
    ) -> list[Interval]:
        """Return the windows of a clip in test mode, ascending.

        Args:
            duration_seconds: Its length.
            num_windows: So many, evenly placed; None: those of the grid.
        """
        if num_windows is None and self.stride_seconds is not None:
            return plan_windows(
                duration_seconds, self.span_seconds, stride_seconds=self.stride_seconds
            )
        return plan_windows(duration_seconds, self.span_seconds, num_windows=num_windows or 1)

    def _random_span(self, results: dict[str, Any], duration: float) -> Interval:
        last_start = max(0.0, duration - self.span_seconds)
        low, high = 0.0, last_start
        fakes = [
            *results.get("video_fake_intervals", ()),
            *results.get("audio_fake_intervals", ()),
        ]
        if fakes and np.random.random() < (self.fake_span_probability or 0.0):
            fake_start, fake_end = fakes[np.random.randint(len(fakes))]
            needed = min(MIN_FAKE_OVERLAP_SECONDS, fake_end - fake_start)
            low = min(max(low, fake_start + needed - self.span_seconds), last_start)
            high = max(low, min(high, fake_end - needed))
        start = float(np.random.uniform(low, high))
        return (start, start + self.span_seconds)
