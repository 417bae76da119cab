"""Moving the sound of a clip against its picture."""

from typing import Any

import numpy as np

from macbdf_mm.datasets.transforms.random_change import check_order, check_probability
from macbdf_mm.errors import ArgumentError
from macbdf_mm.registry import TRANSFORMS
from macbdf_mm.structures.labels import FAKE, REAL, category_of

# ITU-R BT.1359-1, Figure 2: between these nobody notices, and beyond the others it disturbs.
# Positive: the sound comes late.
UNNOTICED_SECONDS = (-0.045, 0.125)
DISTURBING_SECONDS = (-0.09, 0.185)


@TRANSFORMS.register_module()
class ShiftAudio:
    """Move the sound by a random time against the picture.

    By default by so little that nobody notices: recordings differ by as much, and labels stay.
    With ``forges`` by so much that it disturbs: then the sound of a real clip no longer
    belongs to its picture, and its label becomes fake. What lies between is never drawn,
    since neither label would be right.

    The part of the span that the moved sound leaves is silent and not valid. With ``forges``
    the same part is hidden whether the clip is moved or not, so that it tells nothing.

    Required keys: waveform (S,), audio_valid (S,), sample_rate; with ``forges`` also
    video_valid, label, video_label, audio_label and span_seconds.
    Optional keys: audio_fake_intervals, which move with the sound.
    Modified keys: waveform, audio_valid, audio_fake_intervals; with ``forges`` also label,
    audio_label, category and method.

    Args:
        min_seconds: Furthest move; negative if the sound comes early.
        max_seconds: Furthest move the other way.
        probability: How often the sound is moved.
        forges: Whether moves are meant to be noticed, and set labels. Clips whose sound is not
            known to be real, or that lack a track in the span, are left alone.

    Raises:
        ValueError: If the range does not suit ``forges``, or the probability is out of range.
    """

    def __init__(
        self,
        min_seconds: float = -0.04,
        max_seconds: float = 0.04,
        probability: float = 0.5,
        forges: bool = False,
    ) -> None:
        check_probability("probability", probability)
        check_order("min_seconds", min_seconds, "max_seconds", max_seconds)
        self.ranges = _allowed_ranges(min_seconds, max_seconds, forges)
        self.probability = probability
        self.forges = self.makes_fakes = forges

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``results`` with the sound at another time."""
        seconds = self._draw_seconds()
        is_moved = np.random.random() < self.probability
        if self.forges and not _can_be_forged(results):
            return results
        num_samples = round(seconds * results["sample_rate"])
        if is_moved:
            results["waveform"] = _moved(results["waveform"], num_samples)
            results["audio_valid"] = _moved(results["audio_valid"], num_samples)
            if self.forges:
                _label_as_forged(results)
            else:
                _move_intervals(results, num_samples / results["sample_rate"])
        elif self.forges:
            results["waveform"] = _with_edge_hidden(results["waveform"], num_samples)
            results["audio_valid"] = _with_edge_hidden(results["audio_valid"], num_samples)
        return results

    def _draw_seconds(self) -> float:
        lengths = np.array([high - low for low, high in self.ranges])
        total = lengths.sum()
        shares = lengths / total if total > 0 else np.full(len(lengths), 1 / len(lengths))
        low, high = self.ranges[np.random.choice(len(self.ranges), p=shares)]
        return float(np.random.uniform(low, high))


def _allowed_ranges(low: float, high: float, forges: bool) -> list[tuple[float, float]]:
    if not forges:
        least, most = UNNOTICED_SECONDS
        if low < least or high > most:
            raise ArgumentError(
                f"Expected `min_seconds` >= {least} and `max_seconds` <= {most}, which nobody "
                f"notices, got {low} and {high}; larger moves need `forges=True`, which labels "
                "the sound as fake."
            )
        return [(low, high)]
    early, late = DISTURBING_SECONDS
    ranges = [(low, min(high, early))] if low <= early else []
    ranges += [(max(low, late), high)] if high >= late else []
    if not ranges:
        raise ArgumentError(
            f"Expected `min_seconds` <= {early} or `max_seconds` >= {late} with `forges`, got "
            f"{low} and {high}; a smaller move is no forgery that could be noticed."
        )
    return ranges


def _can_be_forged(results: dict[str, Any]) -> bool:
    sees_both = results["video_valid"].any() and results["audio_valid"].any()
    is_real = results["audio_label"] == REAL or results["label"] == REAL
    return bool(sees_both and is_real)


def _label_as_forged(results: dict[str, Any]) -> None:
    video_label = REAL if results["label"] == REAL else results["video_label"]
    method, is_fake = results.get("method"), results["video_label"] == FAKE
    results.update(
        label=FAKE,
        video_label=video_label,
        audio_label=FAKE,
        audio_fake_intervals=(tuple(results["span_seconds"]),),
        category=category_of(video_label, FAKE),
        method=f"{method}+shifted_audio" if method and is_fake else "shifted_audio",
    )


def _move_intervals(results: dict[str, Any], seconds: float) -> None:
    moved = [
        (max(0.0, start + seconds), end + seconds)
        for start, end in results.get("audio_fake_intervals", ())
        if end + seconds > 0
    ]
    if moved:
        results["audio_fake_intervals"] = tuple(moved)


def _moved(values: np.ndarray, num_samples: int) -> np.ndarray:
    """Return the values later by some samples, or earlier; zeros come in at the edge."""
    result = np.zeros_like(values)
    if num_samples >= 0:
        result[num_samples:] = values[: len(values) - num_samples]
    else:
        result[:num_samples] = values[-num_samples:]
    return result


def _with_edge_hidden(values: np.ndarray, num_samples: int) -> np.ndarray:
    """Return the values with zeros where moving them would have let zeros in."""
    return np.where(_moved(np.ones(len(values), np.bool_), num_samples), values, 0).astype(
        values.dtype
    )
