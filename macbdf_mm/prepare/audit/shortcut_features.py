"""Properties of files that a detector could read the label from without looking."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from macbdf_mm.media.measure import MediaMeasures

Values = npt.NDArray[np.float64]
# More kinds of a codec than this are no use to a classifier.
_MAX_NAMES = 20


@dataclass(frozen=True)
class ShortcutFeature:
    """A property of files.

    Attributes:
        name: What it is called in reports, such as ``'bit rate'``.
        columns: What the columns hold, with their units.
        values_of: Returns the columns of files, shape (N, K); NaN where a file has none.
        is_numeric: Whether the columns are measured, not one for each kind that occurs.
    """

    name: str
    columns: tuple[str, ...]
    values_of: Callable[[Sequence[MediaMeasures]], Values]
    is_numeric: bool = True


def _numbers(*parts: Callable[[MediaMeasures], float | int | None]) -> Callable[..., Values]:
    def values_of(measures: Sequence[MediaMeasures]) -> Values:
        rows = [
            [np.nan if (v := part(m)) is None else float(v) for part in parts] for m in measures
        ]
        return np.array(rows, dtype=np.float64).reshape(len(measures), len(parts))

    return values_of


def _codec_values(measures: Sequence[MediaMeasures]) -> Values:
    """Return a column of 0 and 1 for each container, codec and pixel format that occurs."""
    columns: list[Values] = []
    for part in (
        lambda m: m.container_format,
        lambda m: m.info.video_codec,
        lambda m: m.pixel_format,
        lambda m: m.info.audio_codec,
    ):
        names = [str(part(m)) for m in measures]
        common = sorted(name for name, _ in Counter(names).most_common(_MAX_NAMES))
        columns += [np.array([name == other for other in names], np.float64) for name in common]
    return np.stack(columns, axis=1) if measures else np.zeros((0, 0))


SHORTCUT_FEATURES = (
    ShortcutFeature("duration", ("seconds",), _numbers(lambda m: m.info.duration_seconds)),
    ShortcutFeature("frame rate", ("frames a second",), _numbers(lambda m: m.info.fps)),
    ShortcutFeature(
        "resolution",
        ("width in pixels", "height in pixels"),
        _numbers(lambda m: m.info.width, lambda m: m.info.height),
    ),
    ShortcutFeature("codec", ("container, codecs and pixel format",), _codec_values, False),
    ShortcutFeature(
        "bit rate",
        ("bits a second", "video bits a second", "audio bits a second"),
        _numbers(
            lambda m: 8 * m.num_bytes / m.info.duration_seconds,
            lambda m: m.video_bit_rate,
            lambda m: m.audio_bit_rate,
        ),
    ),
    ShortcutFeature(
        "sound format",
        ("sample rate in Hz", "channels"),
        _numbers(lambda m: m.info.sample_rate, lambda m: m.num_channels),
    ),
    ShortcutFeature(
        "tracks",
        ("has video", "has sound"),
        _numbers(lambda m: m.info.has_video, lambda m: m.info.has_audio),
    ),
    ShortcutFeature(
        "loudness",
        ("dB of full scale", "peak of full scale"),
        _numbers(lambda m: m.loudness_db, lambda m: m.peak),
    ),
    ShortcutFeature(
        "leading silence",
        ("seconds until it is heard", "seconds until the sound begins"),
        _numbers(lambda m: m.leading_silence_seconds, lambda m: m.audio_start_seconds),
    ),
    ShortcutFeature("brightness", ("grey level in [0, 255]",), _numbers(lambda m: m.brightness)),
    ShortcutFeature("file size", ("bytes",), _numbers(lambda m: m.num_bytes)),
)
"""The properties of files that are probed, each by itself."""
