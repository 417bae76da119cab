"""Changes of the test clips under which a trained detector is scored again.

A change is transforms of the test pipeline: a track masked, a probe for shortcuts, or a corruption
at a level. What they do to the figures, on the same clips, says what a detector rests on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from macbdf_mm.errors import ArgumentError

Kind = Literal["as-is", "masked", "probe", "corruption"]
Place = Literal["before decoding", "after decoding"]
NUM_LEVELS = 5


@dataclass(frozen=True)
class Condition:
    """One change of the clips.

    Attributes:
        name: Of its score file and in the results, such as ``blur_3``.
        title: In tables.
        kind: What it is for.
        transforms: Configs of the transforms, in their order.
        place: Whether they stand before the clip is decoded, where its span can still be moved, or
            right after.
        track: The track that it changes; ``overall`` for both.
        corruption: Name of the corruption, empty for anything else.
        level: Of the corruption, 1 to 5; 0 for anything else.
    """

    name: str
    title: str
    kind: Kind
    transforms: Sequence[Mapping[str, Any]] = ()
    place: Place = "after decoding"
    track: str = "overall"
    corruption: str = ""
    level: int = 0


@dataclass(frozen=True)
class Corruption:
    """A corruption at five levels.

    Attributes:
        name: As ``--robustness`` takes it.
        title: In tables and figures.
        track: The track that it changes; ``overall`` for what lies between the tracks.
        unit: What the values of the levels are.
        values: One a level, from mild to severe.
        transform: Takes a value and returns the config of a transform that always has that effect.
    """

    name: str
    title: str
    track: str
    unit: str
    values: Sequence[float]
    transform: Callable[[Any], dict[str, Any]]

    def condition(self, level: int) -> Condition:
        """Return the corruption at a level from 1."""
        value = self.values[level - 1]
        return Condition(
            name=f"{self.name}_{level}",
            title=f"{self.title}, {value:g} {self.unit}",
            kind="corruption",
            transforms=[{**self.transform(value), "probability": 1.0}],
            track=self.track,
            corruption=self.name,
            level=level,
        )


AS_IS = Condition("as_is", "as they are", "as-is")
MASKED = (
    Condition(
        "audio_masked",
        "audio masked",
        "masked",
        [{"type": "DropModality", "video_probability": 0.0, "audio_probability": 1.0}],
        track="audio",
    ),
    Condition(
        "video_masked",
        "video masked",
        "masked",
        [{"type": "DropModality", "video_probability": 1.0, "audio_probability": 0.0}],
        track="video",
    ),
)
PROBES = (
    Condition(
        "silence_trimmed",
        "leading and trailing silence trimmed",
        "probe",
        [{"type": "TrimSilence"}],
        place="before decoding",
    ),
    Condition("other_audio", "audio of another clip", "probe", [{"type": "SwapAudio"}]),
    Condition("time_reversed", "time reversed", "probe", [{"type": "ReverseTime"}]),
)

_CORRUPTIONS = (
    Corruption(
        "video_compression",
        "video compression",
        "video",
        "x264 CRF",
        (26, 32, 38, 44, 50),
        lambda value: {"type": "VideoCompression", "quality": {"libx264": (value, value)}},
    ),
    Corruption(
        "blur",
        "blur",
        "video",
        "pixels",
        (0.5, 1.0, 2.0, 3.0, 4.0),
        lambda value: {"type": "ClipBlur", "sigma": (value, value)},
    ),
    Corruption(
        "noise",
        "video noise",
        "video",
        "grey levels",
        (4, 8, 16, 24, 32),
        lambda value: {"type": "ClipNoise", "std": (value, value)},
    ),
    Corruption(
        "resize",
        "resize",
        "video",
        "of the size",
        (0.75, 0.5, 0.35, 0.25, 0.15),
        lambda value: {"type": "ClipDownscale", "scale": (value, value)},
    ),
    Corruption(
        "frame_drop",
        "frame drop",
        "video",
        "of the frames",
        (0.1, 0.2, 0.3, 0.5, 0.7),
        lambda value: {"type": "DropFrames", "share": (value, value)},
    ),
    Corruption(
        "audio_noise",
        "audio noise",
        "audio",
        "dB SNR",
        (30, 20, 15, 10, 5),
        lambda value: {"type": "AudioNoise", "min_snr_db": value, "max_snr_db": value},
    ),
    Corruption(
        "codec",
        "audio codec",
        "audio",
        "bit/s AAC",
        (64_000, 32_000, 16_000, 12_000, 8_000),
        lambda value: {"type": "AudioCompression", "bit_rate": (value, value)},
    ),
    Corruption(
        "gain",
        "gain",
        "audio",
        "dB",
        (-6, -12, -18, -24, -30),
        lambda value: {"type": "AudioGain", "min_db": value, "max_db": value},
    ),
    Corruption(
        "band_limit",
        "band limit",
        "audio",
        "Hz sample rate",
        (11_025, 8_000, 6_000, 4_000, 3_000),
        lambda value: {"type": "AudioCodec", "sample_rates": (value,), "mu_law": False},
    ),
    # No further than nobody notices (ITU-R BT.1359-1): beyond it, real clips would no longer be
    # what their labels say.
    Corruption(
        "av_offset",
        "A/V offset",
        "overall",
        "s late sound",
        (0.025, 0.05, 0.075, 0.1, 0.125),
        lambda value: {"type": "ShiftAudio", "min_seconds": value, "max_seconds": value},
    ),
)
CORRUPTIONS = {corruption.name: corruption for corruption in _CORRUPTIONS}
"""The corruptions by name, those of the video first."""


def corruption_conditions(names: Sequence[str]) -> list[Condition]:
    """Return all levels of corruptions.

    Args:
        names: Of the corruptions; none means all of them.

    Raises:
        ValueError: If there is no corruption of a name.
    """
    if unknown := [name for name in names if name not in CORRUPTIONS]:
        raise ArgumentError(
            f"Expected `--robustness` of {', '.join(CORRUPTIONS)}, got {unknown[0]!r}."
        )
    chosen = [CORRUPTIONS[name] for name in CORRUPTIONS if not names or name in names]
    return [c.condition(level) for c in chosen for level in range(1, NUM_LEVELS + 1)]
