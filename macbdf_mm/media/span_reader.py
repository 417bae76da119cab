"""Reading spans of a file one after the other, each picture and sound decoded once."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from macbdf_mm.media.frame_walk import FrameWalk
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.read_span import Backend, DecodedSpan, frame_times, read_span
from macbdf_mm.media.sound import SoundReader
from macbdf_mm.structures.intervals import Interval

# What tells one file, as it is now, and a way to read it from any other.
_Key = tuple[str, int, int, int, int, int | None]


class SpanReader:
    """Reads the spans of one file in the order of their starts.

    Args:
        path: The media file.
        num_frames: T, how many frames a span has.
        sample_rate: Of the waveform, in Hz.
        short_side: Shrink larger frames to this short side, in pixels; None keeps them.

    Raises:
        MissingDataError: If there is no such file.
        UndecodableMediaError: If neither video nor audio decodes.
    """

    def __init__(
        self, path: Path, num_frames: int, sample_rate: int, short_side: int | None = None
    ) -> None:
        self.num_frames = num_frames
        self.sample_rate = sample_rate
        # A walk through the pictures and one through the sound are under way at a time.
        self._file = MediaFile(path)
        self._sound = SoundReader(path)
        self._walk = FrameWalk(self._file, short_side) if self._file.video is not None else None
        self.start_seconds = -math.inf

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._sound.close()

    def read(self, span: Interval, later: Sequence[Interval] = ()) -> DecodedSpan | None:
        """Return what :func:`~macbdf_mm.media.read_span.read_span` does of a span.

        Args:
            span: Start and end in seconds.
            later: The spans that follow, up to the first that does not overlap.

        Returns:
            The span; None where it has to be read by itself, as in damaged files.
        """
        if span[0] < self.start_seconds:
            return None
        self.start_seconds = span[0]
        frames, valid = None, np.zeros(self.num_frames, np.bool_)
        if self._walk is not None:
            times = [frame_times(each, self.num_frames) for each in (span, *later)]
            found = self._walk.read(times[0], times[1:])
            if found is None:
                return None
            frames, valid = found
        waveform, audio_valid, num_damaged = self._sound.read(span, self.sample_rate)
        video = self._file.video
        return DecodedSpan(
            frames=frames,
            frame_valid=valid,
            waveform=waveform,
            audio_valid=audio_valid,
            has_video=video is not None,
            has_audio=self._file.audio is not None,
            num_damaged=num_damaged,
            picture_seconds=video.usual_step_seconds if video is not None else 0.0,
        )


_latest: tuple[_Key, SpanReader] | None = None


def read_next_span(
    path: str | Path,
    span_seconds: Interval,
    num_frames: int,
    sample_rate: int,
    backend: Backend = "pyav",
    short_side: int | None = None,
    later: Sequence[Interval] = (),
) -> DecodedSpan:
    """Return what :func:`~macbdf_mm.media.read_span.read_span` does, for a process that decodes.

    The file stays open for the span that is asked for next; so does one file at a time.

    Args:
        path: As of ``read_span``, like all but the last.
        span_seconds: Start and end.
        num_frames: T.
        sample_rate: Of the waveform, in Hz.
        backend: Who decodes the video.
        short_side: Shrink larger frames to this short side.
        later: The spans that will be asked for next, up to the first that does not overlap.
    """
    arguments = (path, span_seconds, num_frames, sample_rate, backend, short_side)
    span = None
    if backend == "pyav":
        try:
            reader = _reader_of(Path(path), num_frames, sample_rate, short_side)
            if reader is None or span_seconds[0] < reader.start_seconds:
                reader = _open(Path(path), num_frames, sample_rate, short_side) if later else None
            span = None if reader is None else reader.read(span_seconds, later)
        except Exception:
            # Whatever it is, reading the span by itself finds it again, or does without.
            forget_reader()
    if not later:
        forget_reader()
    return read_span(*arguments) if span is None else span


def forget_reader() -> None:
    """Close the file that is open for the next span, if there is one."""
    global _latest
    if _latest is not None:
        _latest[1].close()
    _latest = None


def _reader_of(
    path: Path, num_frames: int, sample_rate: int, short_side: int | None
) -> SpanReader | None:
    """Return the reader that is open, if it is of this file and reads it this way."""
    key = _key_of(path, num_frames, sample_rate, short_side)
    return _latest[1] if _latest is not None and _latest[0] == key else None


def _open(path: Path, num_frames: int, sample_rate: int, short_side: int | None) -> SpanReader:
    global _latest
    forget_reader()
    reader = SpanReader(path, num_frames, sample_rate, short_side)
    _latest = _key_of(path, num_frames, sample_rate, short_side), reader
    return reader


def _key_of(path: Path, num_frames: int, sample_rate: int, short_side: int | None) -> _Key:
    status = path.stat()
    return str(path), status.st_size, status.st_mtime_ns, num_frames, sample_rate, short_side
