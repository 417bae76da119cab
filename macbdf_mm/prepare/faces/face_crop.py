"""A small file of a face with its sound: how it is encoded, and written from a face's track."""

import math
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, cast, get_args

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from macbdf_mm.errors import ArgumentError, UndecodableMediaError
from macbdf_mm.media.crop_square import crop_square
from macbdf_mm.media.frames import shown_frames
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.sound import read_waveform
from macbdf_mm.media.writer import quality_options
from macbdf_mm.structures.face_track import FaceTrack, squares_around
from macbdf_mm.structures.intervals import Interval
from macbdf_mm.utils.files import replacing

CropFormat = Literal["mp4", "jpeg"]
_SUFFIXES: dict[str, str] = {"mp4": ".mp4", "jpeg": ".mov"}


@dataclass(frozen=True)
class CropSettings:
    """Format and geometry of prepared crops.

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
            raise ArgumentError(f"Expected `format` 'mp4' or 'jpeg', got {self.format!r}.")
        if self.size < 16 or self.size % 2:
            raise ArgumentError(f"Expected `size` to be even and at least 16, got {self.size}.")
        for name in ("margin", "gop", "sample_rate"):
            if not getattr(self, name) > 0:
                raise ArgumentError(f"Expected `{name}` > 0, got {getattr(self, name)}.")
        if self.max_hold_seconds < 0:
            raise ArgumentError(f"Expected `max_hold_seconds` >= 0, got {self.max_hold_seconds}.")
        low, high = (0, 51) if self.format == "mp4" else (2, 31)
        if self.quality is None:
            object.__setattr__(self, "quality", 18 if self.format == "mp4" else 3)
        elif not low <= self.quality <= high:
            raise ArgumentError(
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
        quality = quality_options("libx264", cast(int, self.quality), "veryfast")
        return {**quality, "tune": "fastdecode", **skippable}

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


# Finer than any file's own clock, and what MPEG uses.
_VIDEO_CLOCK = Fraction(1, 90_000)
_FULL_SCALE = 32_767


class CropWriter:
    """An open crop file; also a context manager, which closes it.

    Frames have the times that they are given, so a variable frame rate stays one. Memory
    holds what the muxer has not interleaved yet.

    Args:
        path: The file to write; its suffix is that of the settings.
        settings: How to encode.
        fps: The usual frames per second.
        with_sound: Whether the file has a sound track.
    """

    def __init__(
        self, path: str | Path, settings: CropSettings, fps: float, with_sound: bool
    ) -> None:
        self.settings = settings
        # The file's own clock, on which a track's late start is stated, is milliseconds unless
        # told otherwise: some samples of sound.
        clock = math.lcm(_VIDEO_CLOCK.denominator, settings.sample_rate)
        self._container = av.open(str(path), "w", options={"movie_timescale": str(clock)})
        # Both streams are added before the first packet: the header names them.
        self._video = self._add_video(fps)
        self._audio = self._add_audio() if with_sound else None

    def __enter__(self) -> "CropWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._container.mux(self._video.encode())
            if self._audio is not None:
                self._container.mux(self._audio.encode())
        self._container.close()

    def write_frame(self, image: npt.NDArray[np.uint8], seconds: float) -> None:
        """Add a frame, RGB, shape (size, size, 3), that is shown from a moment on."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")
        frame.pts, frame.time_base = round(seconds / _VIDEO_CLOCK), _VIDEO_CLOCK
        self._container.mux(self._video.encode(frame))

    def write_sound(self, waveform: npt.NDArray[np.float32], first_sample: int) -> None:
        """Add sound, in [-1, 1], shape (S,); the pieces follow each other without a gap.

        Args:
            waveform: Mono PCM at the sample rate of the settings.
            first_sample: How many samples after the file's start it begins.
        """
        if self._audio is None:
            raise ArgumentError("Expected `with_sound` for a file to which sound is written.")
        samples = np.rint(waveform.clip(-1, 1) * _FULL_SCALE).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = self.settings.sample_rate
        frame.pts, frame.time_base = first_sample, Fraction(1, self.settings.sample_rate)
        self._container.mux(self._audio.encode(frame))

    def _add_video(self, fps: float) -> VideoStream:
        stream = cast(
            VideoStream,
            self._container.add_stream(
                self.settings.video_codec,
                rate=Fraction(fps).limit_denominator(1001),
                options=self.settings.video_options,
            ),
        )
        stream.width = stream.height = self.settings.size
        stream.pix_fmt = "yuv420p" if self.settings.format == "mp4" else "yuvj420p"
        stream.codec_context.time_base = _VIDEO_CLOCK
        # One thread: the same frames then give the same bytes.
        stream.codec_context.thread_count = 1
        if self.settings.format == "mp4":
            stream.codec_context.gop_size = self.settings.gop
        return stream

    def _add_audio(self) -> AudioStream:
        codec, rate = self.settings.audio_codec, self.settings.sample_rate
        return cast(AudioStream, self._container.add_stream(codec, rate=rate, layout="mono"))


# Sound is copied in pieces of this length, so that the file is interleaved.
_CHUNK_SECONDS = 2
# Ogg's rate can be 0/0.
_FALLBACK_FPS = 25.0
_ROUNDING_SECONDS = 1e-6


@dataclass(frozen=True)
class WrittenCrop:
    """Which part of its source a crop file shows.

    Attributes:
        start_seconds: When its first frame is shown in the source.
        end_seconds: When its last frame ends there.
        num_frames: How many frames it has; all of the source's between the two.
        face_box: Mean left, top, right, bottom of the face, as fractions of the crop.
    """

    start_seconds: float
    end_seconds: float
    num_frames: int
    face_box: tuple[float, float, float, float]


def write_face_crop(
    source: str | Path,
    track: FaceTrack,
    path: str | Path,
    settings: CropSettings,
    shot: Interval = (-math.inf, math.inf),
) -> WrittenCrop:
    """Write the face of a track with the sound of the same seconds.

    Every frame of the source in which the face is known is cropped, and keeps its distance in
    time from the others and from the sound. The file is complete or not there.

    Args:
        source: A media file with video.
        track: The face.
        path: The file to write; its folder is made.
        settings: How.
        shot: No frame before or after it is taken, in seconds of the source.

    Raises:
        UndecodableMediaError: If no frame of the source lies within the track.
        UnwritableFileError: If there is no space or no permission.
    """
    # A name of its own until it is whole: two that write the same crop do not disturb each other.
    with replacing(path) as unfinished:
        return _write(Path(source), track, unfinished, settings, shot)


def _write(
    source: Path, track: FaceTrack, path: Path, settings: CropSettings, shot: Interval
) -> WrittenCrop:
    first, last = track.interval
    hold = settings.max_hold_seconds
    span = max(first - hold, shot[0]), min(last + hold + _ROUNDING_SECONDS, shot[1])
    # Opened twice: reading sound moves the place in the file where frames are read.
    with MediaFile(source) as video, MediaFile(source) as audio:
        frames = shown_frames(video, span)
        opening = next(frames, None)
        if opening is None:
            raise UndecodableMediaError(
                f"{source} shows no frame from {first:.2f} to {last:.2f} s, where its face "
                "track lies; look for faces again."
            )
        start = opening[1]
        fps = _usual_fps(video)
        with CropWriter(path, settings, fps, audio.audio is not None) as writer:
            sound = _SoundCopy(audio, writer, settings.sample_rate, start)
            shares: list[npt.NDArray[np.float64]] = []
            seconds, step = start, 1 / fps
            for image, now in chain([opening], frames):
                step = now - seconds if now > seconds else step
                seconds = now
                boxes, _ = track.boxes_at([seconds])
                height, width = image.shape[:2]
                (square,) = squares_around(boxes, (height, width), settings.margin)
                writer.write_frame(crop_square(image, square, settings.size), seconds - start)
                shares.append((boxes[0, 2:] - boxes[0, :2]) * [width, height] / square[2])
                sound.follow(seconds)
            sound.finish(seconds + step)
    half_width, half_height = (float(share) / 2 for share in np.mean(shares, axis=0))
    face = 0.5 - half_width, 0.5 - half_height, 0.5 + half_width, 0.5 + half_height
    return WrittenCrop(start, seconds + step, len(shares), face)


class _SoundCopy:
    """Copies sound from a file to a writer, a little behind the frames.

    Only what the source has: a crop's sound begins late or ends early if the source's does. A
    gap in the middle becomes silence.
    """

    def __init__(
        self, file: MediaFile, writer: CropWriter, sample_rate: int, start_seconds: float
    ) -> None:
        self.file, self.writer = file, writer
        self.sample_rate, self.start_seconds = sample_rate, start_seconds
        self.num_read = 0
        self.written_to: int | None = None

    def follow(self, seconds: float) -> None:
        """Copy the whole chunks that end before a moment of the source."""
        if self.file.audio is None:
            return
        # Whole seconds: all chunks then round their start to the source's samples alike, and
        # join without a click.
        while self.start_seconds + self.num_read / self.sample_rate + _CHUNK_SECONDS <= seconds:
            self._copy(_CHUNK_SECONDS * self.sample_rate)

    def finish(self, seconds: float) -> None:
        """Copy all that is left up to a moment of the source."""
        self.follow(seconds)
        self._copy(round((seconds - self.start_seconds) * self.sample_rate) - self.num_read)

    def _copy(self, num_samples: int) -> None:
        if self.file.audio is None or num_samples < 1:
            return
        first = self.start_seconds + self.num_read / self.sample_rate
        span = first, first + num_samples / self.sample_rate
        waveform, valid = read_waveform(self.file, span, self.sample_rate)
        there = np.flatnonzero(valid)
        if len(there):
            low, high = int(there[0]), int(there[-1]) + 1
            begin = self.num_read + low
            gap = 0 if self.written_to is None else begin - self.written_to
            piece = np.concatenate([np.zeros(gap, np.float32), waveform[low:high]])
            self.writer.write_sound(piece, begin - gap)
            self.written_to = self.num_read + high
        self.num_read += num_samples


def _usual_fps(file: MediaFile) -> float:
    rate = None if file.video is None else file.video.rate
    return float(rate) if rate else _FALLBACK_FPS
