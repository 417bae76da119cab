"""Reading one span of a file: its frames and the same seconds of its sound."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import av
import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ArgumentError, UndecodableMediaError
from macbdf_mm.media.decord_reader import read_frames_decord
from macbdf_mm.media.frames import read_frames
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.sound import read_waveform

Backend = Literal["pyav", "decord"]


@dataclass(frozen=True)
class DecodedSpan:
    """One span of a file.

    Attributes:
        frames: RGB, shape (T, H, W, 3), uint8, zeros where there is none; None for a file
            without video.
        frame_valid: Which frames exist, shape (T,), bool.
        waveform: Mono PCM, shape (S,), float32, nominally in [-1, 1]; zeros where the file
            has no sound.
        audio_valid: Which samples exist, shape (S,), bool. Silence does exist.
        has_video: Whether the file has a video track at all.
        has_audio: Whether the file has a sound track at all.
        num_damaged: How many of the frames, and of the packets of sound, are damaged by the word
            of their decoders. Frames may exist all the same.
        picture_seconds: How long the file usually shows a picture; 0 without video.
    """

    frames: npt.NDArray[np.uint8] | None
    frame_valid: npt.NDArray[np.bool_]
    waveform: npt.NDArray[np.float32]
    audio_valid: npt.NDArray[np.bool_]
    has_video: bool
    has_audio: bool
    num_damaged: int = 0
    picture_seconds: float = 0.0


def read_span(
    path: str | Path,
    span_seconds: tuple[float, float],
    num_frames: int,
    sample_rate: int,
    backend: Backend = "pyav",
    short_side: int | None = None,
) -> DecodedSpan:
    """Return frames and sound of the same span of a file, both by timestamps.

    The span is cut into ``num_frames`` equal steps; frame t is the one shown in the middle of
    step t. What lies outside of the file is zeros and marked as not valid.

    Args:
        path: The media file.
        span_seconds: Start and end; zero is the first frame, or where the sound of a file
            without video begins.
        num_frames: T, how many frames.
        sample_rate: Of the waveform, in Hz; S = round(span * sample_rate).
        backend: Who decodes the video. Sound is always read by PyAV: decord's reader ignores
            when a stream starts, and so puts it out of sync.
        short_side: Shrink larger frames to this short side, in pixels; None keeps them.

    Raises:
        ValueError: If an argument is out of range.
        MissingDataError: If there is no such file.
        UndecodableMediaError: If neither video nor audio decodes, or cannot be converted.
    """
    start, end = span_seconds
    if not (math.isfinite(start) and math.isfinite(end) and end > start):
        raise ArgumentError(f"Expected `span_seconds` with start < end, got {span_seconds}.")
    if num_frames < 1 or sample_rate < 1:
        raise ArgumentError(
            f"Expected `num_frames` and `sample_rate` > 0, got {num_frames} and {sample_rate}."
        )
    if backend not in get_args(Backend):
        raise ArgumentError(f"Expected `backend` 'pyav' or 'decord', got {backend!r}.")
    times = frame_times(span_seconds, num_frames)
    try:
        with MediaFile(path) as file:
            waveform, audio_valid = read_waveform(file, (start, end), sample_rate)
            frames, frame_valid = None, np.zeros(num_frames, np.bool_)
            if file.video is not None:
                read = read_frames if backend == "pyav" else read_frames_decord
                frames, frame_valid = read(file, times, short_side)
            return DecodedSpan(
                frames=frames,
                frame_valid=frame_valid,
                waveform=waveform,
                audio_valid=audio_valid,
                has_video=file.video is not None,
                has_audio=file.audio is not None,
                num_damaged=file.num_damaged,
                picture_seconds=file.video.usual_step_seconds if file.video else 0.0,
            )
    except MemoryError:  # FFmpeg's is both.
        raise
    except av.error.FFmpegError as error:
        # Such as sound of more channels than FFmpeg can mix.
        raise UndecodableMediaError(
            f"{path} decodes, but FFmpeg cannot convert what it holds: {error.strerror}."
        ) from None


def frame_times(span_seconds: tuple[float, float], num_frames: int) -> npt.NDArray[np.float64]:
    """Return the middles of the equal steps of a span, shape (T,), in seconds."""
    start, end = span_seconds
    return start + (np.arange(num_frames) + 0.5) * (end - start) / num_frames
