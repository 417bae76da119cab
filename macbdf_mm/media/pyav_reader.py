"""Reading frames and sound of one span of a file with PyAV, both by their timestamps."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.media.frame_conversion import FrameConverter, shrunk_size, upright_size
from macbdf_mm.media.frame_plan import plan_frames
from macbdf_mm.media.media_file import (
    decode_from,
    decode_stream,
    frame_seconds,
    open_container,
    to_seconds,
)
from macbdf_mm.media.resampling import MonoMixer, is_plausible, resample
from macbdf_mm.media.tracks import Track, find_tracks

# Decoded before the span and thrown away: lossy audio decoders need some packets to settle
# (Opus 80 ms, the bit reservoir of MP3 about 260 ms).
_AUDIO_PREROLL_SECONDS = 0.3
# Read on both sides of the span, so that the resampling filter does not see an edge.
_AUDIO_MARGIN_SECONDS = 0.02
# Containers round timestamps (Matroska to 1 ms): less than this is rounding, more is a gap.
_MAX_JITTER_SECONDS = 0.01
_ROUNDING_SECONDS = 1e-6
# Beyond this, a clip of frames is refused rather than filling the memory.
_MAX_FRAME_BYTES = 4 * 2**30
# How long a frame is shown when neither stream nor frame says so (Ogg's rate can be 0/0).
_FALLBACK_STEP_SECONDS = 0.04


class PyAVReader:
    """An open media file from which any span can be read; also a context manager.

    Time starts at zero with the first frame of the video, or with the sound where there is
    no video. Memory holds one span, however long the file is.

    Args:
        path: The media file.

    Attributes:
        container: The open container of FFmpeg.
        video: The default video stream, or the first that decodes; None without one.
        audio: The same for the sound.

    Raises:
        MissingDataError: If there is no such file.
        UndecodableMediaError: If neither video nor audio decodes.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.container = open_container(path)
        try:
            self.video, self.audio = find_tracks(self.container)
            if self.video is None and self.audio is None:
                raise UndecodableMediaError(
                    f"{self.path} holds neither video nor audio that can be decoded; "
                    "it may be truncated or damaged."
                )
        except BaseException:
            self.container.close()
            raise

    def __enter__(self) -> "PyAVReader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    @property
    def zero_seconds(self) -> float:
        """The container's time that counts as zero."""
        track = self.video or self.audio
        return track.first_seconds if track is not None else 0.0

    @property
    def frame_size(self) -> tuple[int, int]:
        """Height and width of the frames as they are shown, that is, after rotation."""
        if self.video is None:
            raise ValueError(f"{self.path} has no video.")
        return upright_size(self.video.first_frame)

    @property
    def stream_start_seconds(self) -> float:
        """When the video stream says that it starts, on the clock that starts at zero."""
        if self.video is None:
            raise ValueError(f"{self.path} has no video.")
        stream = self.container.streams[self.video.index]
        start = to_seconds(stream.start_time, stream.time_base)
        return 0.0 if start is None else start - self.zero_seconds

    def read_frames(
        self,
        times_seconds: Sequence[float] | npt.NDArray[np.float64],
        short_side: int | None = None,
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
        """Return the frames that are shown at the given times.

        Args:
            times_seconds: Ascending; any number, as far apart as wanted.
            short_side: Shrink larger frames to this short side, in pixels; None keeps them.

        Returns:
            RGB frames, shape (T, H, W, 3), uint8, and whether each exists, shape (T,). Before
            the first and after the last frame of the video there is none: zeros.

        Raises:
            UndecodableMediaError: If the frames would take more than 4 GiB.
        """
        converter = FrameConverter(shrunk_size(self.frame_size, short_side))
        self._check_size(len(times_seconds), converter.size)
        frames = np.zeros((len(times_seconds), *converter.size, 3), dtype=np.uint8)
        valid = np.zeros(len(times_seconds), dtype=np.bool_)
        if not len(times_seconds):
            return frames, valid
        # A time that misses the start of a frame by rounding belongs to that frame.
        wanted = np.asarray(times_seconds, np.float64) + self.zero_seconds + _ROUNDING_SECONDS
        if not self._read_planned(wanted, converter, frames, valid):
            frames[:], valid[:] = 0, False
            self._read_in_order(wanted, converter, frames, valid)
        return frames, valid

    def shown_frames(
        self, span_seconds: tuple[float, float]
    ) -> Iterator[tuple[npt.NDArray[np.uint8], float]]:
        """Yield every frame that begins to be shown in a span, and when.

        Nothing else may be read from this reader meanwhile. Memory holds one frame.

        Args:
            span_seconds: Start and end, half-open.

        Returns:
            RGB frames, shape (H, W, 3), uint8, full size, with their start in seconds.
        """
        if self.video is None:
            return
        converter = FrameConverter(self.frame_size)
        first, last = (edge + self.zero_seconds - _ROUNDING_SECONDS for edge in span_seconds)
        for shown, start, _ in self._shown_frames(first, last):
            if start >= last:
                return
            if start >= first:
                yield converter.to_rgb(shown), start - self.zero_seconds

    def read_waveform(
        self, span_seconds: tuple[float, float], sample_rate: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Return the sound of a span, mono at ``sample_rate``.

        Args:
            span_seconds: Start and end.
            sample_rate: In Hz.

        Returns:
            PCM, shape (S,) with S = round(span * sample_rate), float32, and whether each
            sample exists, shape (S,). Where the file has no sound there are zeros.
        """
        start, end = span_seconds
        num_samples = round((end - start) * sample_rate)
        if self.audio is None:
            return np.zeros(num_samples, np.float32), np.zeros(num_samples, np.bool_)
        native_hz = self.audio.first_frame.sample_rate
        origin = start - _AUDIO_MARGIN_SECONDS
        length = end - start + 2 * _AUDIO_MARGIN_SECONDS
        samples, known = self._native_samples(origin, round(length * native_hz), native_hz)
        first = round(_AUDIO_MARGIN_SECONDS * sample_rate)
        waveform = _fit(resample(samples, native_hz, sample_rate)[first:], num_samples)
        nearest = (np.arange(num_samples) + first) * native_hz // sample_rate
        valid = known[nearest.clip(max=len(known) - 1)]
        return np.where(valid, waveform, np.float32(0.0)), valid

    def _check_size(self, num_frames: int, size: tuple[int, int]) -> None:
        if 3 * num_frames * size[0] * size[1] > _MAX_FRAME_BYTES:
            raise UndecodableMediaError(
                f"{self.path} has frames of {size[1]}x{size[0]} pixels, of which {num_frames} do "
                f"not fit into {_MAX_FRAME_BYTES >> 30} GiB; shrink them by `short_side`."
            )

    def _read_planned(
        self,
        wanted: npt.NDArray[np.float64],
        converter: FrameConverter,
        frames: npt.NDArray[np.uint8],
        valid: npt.NDArray[np.bool_],
    ) -> bool:
        """Fill in the wanted frames; return whether all that the packets promise were there."""
        if self.video is None:
            return False
        stream = self.container.streams[self.video.index]
        step = self._usual_step_seconds()
        plan = plan_frames(self.container, stream, wanted, self.video.first_seconds, step)
        if plan is None:
            return False
        num_shown = 0
        for shown, positions in plan.decode():
            frames[positions], valid[positions] = converter.to_rgb(shown), True
            num_shown += 1
        return num_shown == len(plan.positions)

    def _read_in_order(
        self,
        wanted: npt.NDArray[np.float64],
        converter: FrameConverter,
        frames: npt.NDArray[np.uint8],
        valid: npt.NDArray[np.bool_],
    ) -> None:
        """Fill in the wanted frames by decoding all of them: it takes whatever comes out."""
        index = 0
        for shown, start, end in self._shown_frames(wanted[0], wanted[-1]):
            image = None
            while index < len(wanted) and wanted[index] < end:
                if wanted[index] >= start:
                    image = converter.to_rgb(shown) if image is None else image
                    frames[index], valid[index] = image, True
                index += 1
            if index == len(wanted):
                break

    def _shown_frames(
        self, from_seconds: float, until_seconds: float
    ) -> Iterator[tuple[av.VideoFrame, float, float]]:
        """Yield frames with the moments from which and up to which each is shown."""
        step = self._usual_step_seconds()
        shown, start = None, 0.0
        for frame in self._decode(self.video, from_seconds, until_seconds):
            seconds = frame_seconds(frame, self.container)
            # A stream without any timestamps is taken to be regular.
            now = start + step if seconds is None else seconds
            if shown is not None:
                if now <= start:
                    continue
                yield shown, start, now
                step = now - start
            shown, start = frame, now
        if shown is not None:
            yield shown, start, start + (to_seconds(shown.duration, shown.time_base) or step)

    def _usual_step_seconds(self) -> float:
        if self.video is None:
            return _FALLBACK_STEP_SECONDS
        rate = self.container.streams[self.video.index].average_rate
        return float(1 / rate) if rate else _FALLBACK_STEP_SECONDS

    def _native_samples(
        self, origin_seconds: float, num_samples: int, sample_rate: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Return mono samples from ``origin_seconds`` on, and which of them exist."""
        samples = np.zeros(num_samples, np.float32)
        known = np.zeros(num_samples, np.bool_)
        origin = origin_seconds + self.zero_seconds
        until = origin + num_samples / sample_rate
        mixer = MonoMixer(sample_rate)
        max_jitter = _MAX_JITTER_SECONDS * sample_rate
        expected: int | None = None
        for frame in self._decode(self.audio, origin - _AUDIO_PREROLL_SECONDS, until):
            seconds = frame_seconds(frame, self.container)
            piece = mixer.mix(frame)
            first = expected if seconds is None else round((seconds - origin) * sample_rate)
            if expected is not None and abs((first or 0) - expected) <= max_jitter:
                first = expected
            first = first or 0
            if first >= num_samples:
                break
            expected = first + len(piece)
            low, high = max(0, first), min(num_samples, expected)
            if high > low and is_plausible(piece):
                samples[low:high] = piece[low - first : high - first]
                known[low:high] = True
        return samples, known

    def _decode(
        self, track: Track | None, from_seconds: float, until_seconds: float
    ) -> Iterator[Any]:
        if track is None:
            return iter(())
        stream = self.container.streams[track.index]
        frames = decode_from(
            self.container, stream, from_seconds, until_seconds, track.first_seconds
        )
        if frames is not None:
            return frames
        # No seek led there: decode the newly opened file from its start.
        self.container.close()
        self.container = open_container(self.path)
        stream = self.container.streams[track.index]
        return decode_stream(self.container, stream, from_seconds, until_seconds)


def _fit(waveform: npt.NDArray[np.float32], num_samples: int) -> npt.NDArray[np.float32]:
    return np.pad(waveform[:num_samples], (0, max(0, num_samples - len(waveform))))
