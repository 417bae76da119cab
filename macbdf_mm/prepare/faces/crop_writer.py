"""Writing pictures and sound as they come, each with its time."""

import math
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import cast

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from macbdf_mm.prepare.faces.crop_settings import CropSettings

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
        fps: The usual frames a second.
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
            raise ValueError("Expected `with_sound` for a file to which sound is written.")
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
