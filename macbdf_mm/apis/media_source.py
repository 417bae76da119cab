"""What can be scored: files by their names, and what a program has in memory.

The decoder reads files. What is in memory is written to a private temporary folder for as long as
it is read: bytes as they are, frames and sound without loss.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from io import TextIOBase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, runtime_checkable

import av
import numpy as np
import numpy.typing as npt

from macbdf_mm.apis.media_files import expand_paths
from macbdf_mm.errors import ArgumentError

# Channels of the sound -> FFmpeg's name of their layout.
_LAYOUTS = {1: "mono", 2: "stereo"}
_MAX_RATE_DENOMINATOR = 1001 * 60
_READ_BYTES = 2**20


@dataclass(frozen=True, eq=False)
class Recording:
    """Decoded frames and sound that begin together, as a program has them.

    Attributes:
        frames: RGB, (T, H, W, 3) uint8; None for sound alone.
        fps: Frames a second; needed with frames.
        sound: (S,) or (S, 2), float in [-1, 1] or int16; None for video alone.
        sample_rate: Of the sound, in Hz; needed with sound.
        name: What the prediction calls it.

    Raises:
        ValueError: If there is neither, a rate is missing, or a shape or type is another.
    """

    frames: npt.NDArray[np.uint8] | None = None
    fps: float | None = None
    sound: npt.NDArray[Any] | None = None
    sample_rate: int | None = None
    name: str = "recording"

    def __post_init__(self) -> None:
        """Check the arrays and their rates."""
        if self.frames is None and self.sound is None:
            raise ArgumentError("Expected `frames` or `sound` of a Recording, got neither.")
        if self.frames is not None:
            shape, kind = np.shape(self.frames), np.asarray(self.frames).dtype
            if len(shape) != 4 or shape[3] != 3 or 0 in shape or kind != np.uint8:
                raise ArgumentError(
                    "Expected `frames` of a Recording as RGB of shape (T, H, W, 3) and type uint8, "
                    f"got shape {shape} and type {kind}."
                )
            if self.fps is None or not 0 < self.fps < float("inf"):
                raise ArgumentError(f"Expected `fps` > 0 with `frames`, got {self.fps}.")
        if self.sound is not None:
            sound = np.asarray(self.sound)
            is_known = sound.dtype == np.int16 or np.issubdtype(sound.dtype, np.floating)
            if sound.ndim not in (1, 2) or 0 in sound.shape or not is_known:
                raise ArgumentError(
                    "Expected `sound` of a Recording of shape (S,) or (S, 2) as float in [-1, 1] "
                    f"or int16, got shape {sound.shape} and type {sound.dtype}."
                )
            if sound.ndim == 2 and sound.shape[1] not in _LAYOUTS:
                raise ArgumentError(
                    f"Expected `sound` of 1 or 2 channels, (S,) or (S, 2), got {sound.shape}; mix "
                    "it down, or turn it over if the channels come first."
                )
            if not self.sample_rate or self.sample_rate < 1:
                raise ArgumentError(
                    f"Expected `sample_rate` > 0 with `sound`, got {self.sample_rate}."
                )

    def write(self, path: Path) -> None:
        """Write it without loss: raw RGB and float samples in FFmpeg's own container."""
        with av.open(str(path), "w", format="nut") as container:
            # Every stream is added before the first packet: the header then names them all.
            video = audio = None
            rate = Fraction(self.fps or 0).limit_denominator(_MAX_RATE_DENOMINATOR)
            if self.frames is not None:
                video = container.add_stream("rawvideo", rate=rate)
                video.height, video.width = self.frames.shape[1:3]
                video.pix_fmt = "rgb24"
                video.codec_context.time_base = 1 / rate
            if self.sound is not None:
                planar = _planar(self.sound)
                layout, hz = _LAYOUTS[len(planar)], int(self.sample_rate or 0)
                audio = container.add_stream("pcm_f32le", rate=hz, layout=layout)
            if video is not None and self.frames is not None:
                for number, image in enumerate(self.frames):
                    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")
                    picture.pts, picture.time_base = number, 1 / rate
                    container.mux(video.encode(picture))
                container.mux(video.encode())
            if audio is not None:
                samples = av.AudioFrame.from_ndarray(planar, "fltp", layout)
                samples.sample_rate, samples.pts, samples.time_base = hz, 0, Fraction(1, hz)
                container.mux(audio.encode(samples))
                container.mux(audio.encode())


@runtime_checkable
class Readable(Protocol):
    """An open file of bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, at most so many."""


@dataclass(frozen=True)
class MediaSource:
    """One thing to score.

    Attributes:
        name: What the prediction calls it; of a file its path.
        content: What is in memory; None for a file.
    """

    name: str
    content: bytes | Readable | Recording | None = None

    @contextmanager
    def file(self) -> Iterator[Path]:
        """Give the file to decode; what is in memory is written to one that then is deleted."""
        if self.content is None:
            yield Path(self.name)
            return
        with TemporaryDirectory(prefix="macbdf_") as folder:
            path = Path(folder) / "media"
            if isinstance(self.content, Recording):
                self.content.write(path)
            else:
                with path.open("wb") as file:
                    if isinstance(self.content, bytes):
                        file.write(self.content)
                    else:
                        while block := self.content.read(_READ_BYTES):
                            file.write(block)
            yield path

    def renamed(self, text: str, path: Path) -> str:
        """Return a text in which the name stands in the place of the file that was decoded."""
        return text if self.content is None else text.replace(str(path), self.name)


Input = str | os.PathLike[str] | bytes | bytearray | memoryview | Readable | Recording | MediaSource
"""A file, folder or pattern; the content of a file; a file that is open; or arrays."""
_KINDS = (str, os.PathLike, bytes, bytearray, memoryview, Readable, Recording, MediaSource)


def media_sources(inputs: Input | Iterable[Input]) -> Iterator[MediaSource]:
    """Yield what is to be scored, in order; folders and patterns as their files.

    Args:
        inputs: One of them, or several. Bytes and open files without a name are called
            ``<bytes 1>`` or ``<file 1>``, by their place in the list.

    Raises:
        TypeError: If one is of no such kind.
    """
    if isinstance(inputs, _KINDS) or not isinstance(inputs, Iterable):
        inputs = [inputs]
    for number, item in enumerate(inputs, start=1):
        if isinstance(item, str | os.PathLike):
            yield from (MediaSource(str(path)) for path in expand_paths([item]))
        elif isinstance(item, MediaSource):
            yield item
        elif isinstance(item, Recording):
            yield MediaSource(item.name, item)
        elif isinstance(item, bytes | bytearray | memoryview):
            yield MediaSource(f"<bytes {number}>", bytes(item))
        elif isinstance(item, Readable) and not isinstance(item, TextIOBase):
            name = getattr(item, "name", None)
            yield MediaSource(name if isinstance(name, str) else f"<file {number}>", item)
        else:
            raise TypeError(
                "Expected a path, bytes, a file that is open in binary mode or a Recording to "
                f"score, got {type(item).__name__}; wrap arrays as Recording(frames, fps, sound, "
                "sample_rate)."
            )


def _planar(sound: npt.NDArray[Any] | None) -> npt.NDArray[np.float32]:
    """Return (channels, S) float32 in [-1, 1]."""
    samples = np.asarray(sound)
    if samples.dtype == np.int16:
        samples = samples / np.float32(32768)
    return np.ascontiguousarray(samples.reshape(len(samples), -1).T.clip(-1, 1), dtype=np.float32)
