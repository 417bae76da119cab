"""How prepared crops look and how they are encoded."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

CropFormat = Literal["mp4", "jpeg"]
_SUFFIXES: dict[str, str] = {"mp4": ".mp4", "jpeg": ".mov"}


@dataclass(frozen=True)
class CropSettings:
    """What a prepared crop is.

    Attributes:
        format: ``'mp4'``: H.264 that decodes fast (short groups of pictures, most of which
            nothing else needs, no deblocking, no arithmetic coding) with FLAC sound.
            ``'jpeg'``: a QuickTime file of JPEG pictures (Motion JPEG) with PCM sound, of
            which any picture is read alone: several times as large, and faster.
        size: Height and width, in pixels.
        margin: Side of the crop over the longer side of the face's box.
        quality: Of the pictures: x264's constant rate factor, or FFmpeg's JPEG scale (2 to
            31). Lower is better and larger.
        gop: mp4: frames from one key frame to the next.
        sample_rate: Of the sound, mono of 16 bits, in Hz.
        max_hold_seconds: For how long the face is taken to stay where it was last seen, at
            both ends of its track.
    """

    format: CropFormat = "mp4"
    size: int = 224
    margin: float = 1.3
    quality: int | None = None
    gop: int = 16
    sample_rate: int = 16_000
    max_hold_seconds: float = 0.5

    def __post_init__(self) -> None:
        """Check the ranges, and fill in the quality.

        Raises:
            ValueError: If a value is out of range.
        """
        if self.format not in get_args(CropFormat):
            raise ValueError(f"Expected `format` 'mp4' or 'jpeg', got {self.format!r}.")
        if self.size < 16 or self.size % 2:
            raise ValueError(f"Expected `size` to be even and at least 16, got {self.size}.")
        for name in ("margin", "gop", "sample_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"Expected `{name}` > 0, got {getattr(self, name)}.")
        if self.max_hold_seconds < 0:
            raise ValueError(f"Expected `max_hold_seconds` >= 0, got {self.max_hold_seconds}.")
        low, high = (0, 51) if self.format == "mp4" else (2, 31)
        if self.quality is None:
            object.__setattr__(self, "quality", 18 if self.format == "mp4" else 3)
        elif not low <= self.quality <= high:
            raise ValueError(
                f"Expected `quality` in [{low}, {high}] for {self.format}, got {self.quality}."
            )

    @property
    def suffix(self) -> str:
        """End of the file's name."""
        return _SUFFIXES[self.format]

    @property
    def video_codec(self) -> str:
        """FFmpeg's name of the video encoder."""
        return "libx264" if self.format == "mp4" else "mjpeg"

    @property
    def audio_codec(self) -> str:
        """FFmpeg's name of the audio encoder; lossless, so that no codec's traces are added."""
        return "flac" if self.format == "mp4" else "pcm_s16le"

    @property
    def video_options(self) -> dict[str, str]:
        """Options of the video encoder."""
        if self.format == "jpeg":
            # PyAV cannot set a picture's own quality, so rate control gets no choice.
            return {"qmin": str(self.quality), "qmax": str(self.quality)}
        # Three of four pictures are B-frames that no other needs: unless a clip takes them,
        # reading leaves them out.
        skippable = {"bf": "3", "b_strategy": "0", "b-pyramid": "none"}
        return {"crf": str(self.quality), "preset": "veryfast", "tune": "fastdecode", **skippable}

    def record(self) -> dict[str, Any]:
        """Return all that decides how a crop is encoded, as plain values.

        Encoding leaves traces that a detector can learn, so this is kept with the crops.
        """
        return {
            **asdict(self),
            "video_codec": self.video_codec,
            "video_options": self.video_options,
            "audio_codec": self.audio_codec,
        }
