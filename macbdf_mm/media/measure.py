"""Decoding a whole file, to see that it can be, and to measure what it is like."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import Interpolation, VideoReformatter

from macbdf_mm.errors import ArgumentError
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.packets import decode_strictly, to_seconds
from macbdf_mm.media.probe import MediaInfo, describe
from macbdf_mm.media.sound import MonoMixer, is_plausible

# The level of sound is measured in blocks of this length.
BLOCK_SECONDS = 0.01
# Sound that is this much quieter than the loudest block of the file counts as silence.
SILENCE_DB = 40.0
# Digital silence has no level; nothing that was recorded is as quiet as this.
_FLOOR_DB = -120.0
# Brightness changes slowly, and shrinking a picture costs as much as decoding it.
_BRIGHTNESS_EVERY = 8
_BRIGHTNESS_SIZE = (32, 18)


@dataclass(frozen=True)
class MediaMeasures:
    """What decoding a whole file gave.

    Attributes:
        info: What :func:`~macbdf_mm.media.probe.probe` says of the file.
        container_format: FFmpeg's name of the container, such as ``'mov,mp4,m4a,3gp,3g2,mj2'``.
        num_bytes: Size of the file.
        num_frames: Frames that decode.
        num_damaged_packets: Packets of either track that do not, or to what their decoder calls
            damaged, or not to sound at all.
        video_bit_rate: Of the video packets, in bits a second; None without video.
        audio_bit_rate: Of the audio packets, in bits a second; None without audio.
        pixel_format: FFmpeg's name of it, such as ``'yuv420p'``; None without video.
        num_channels: Of the sound; None without.
        video_seconds: Until the last frame begins, None without video; time starts as in
            :class:`~macbdf_mm.media.probe.MediaInfo`.
        audio_seconds: Until the last sample, None without audio.
        audio_start_seconds: When the sound begins, None without audio.
        brightness: Mean of the grey pictures in [0, 255]; None without video.
        loudness_db: Root mean square of the samples in dB of full scale, at least -120; None
            without audio.
        peak: Largest absolute sample, full scale is 1; None without audio.
        leading_silence_seconds: Until the sound first comes within 40 dB of its loudest 10 ms;
            the whole length of digital silence. None without audio.
    """

    info: MediaInfo
    container_format: str
    num_bytes: int
    num_frames: int
    num_damaged_packets: int
    video_bit_rate: float | None
    audio_bit_rate: float | None
    pixel_format: str | None
    num_channels: int | None
    video_seconds: float | None
    audio_seconds: float | None
    audio_start_seconds: float | None
    brightness: float | None
    loudness_db: float | None
    peak: float | None
    leading_silence_seconds: float | None


def measure_file(path: str | Path, max_seconds: float | None = None) -> MediaMeasures:
    """Return what decoding a file from its start gives.

    Args:
        path: The media file.
        max_seconds: Decode no further than this; None decodes all of it.

    Raises:
        ValueError: If ``max_seconds`` is not positive.
        MissingDataError: If there is no such file.
        UndecodableMediaError: If neither video nor audio decodes.
    """
    if max_seconds is not None and not max_seconds > 0:
        raise ArgumentError(f"Expected `max_seconds` > 0 or None, got {max_seconds}.")
    video = audio = None
    meters: dict[int, Any] = {}
    with MediaFile(path) as file:
        info = describe(file)
        if file.video is not None:
            video = meters[file.video.index] = _VideoMeter()
        if file.audio is not None:
            audio = meters[file.audio.index] = _AudioMeter(file.audio.sample_rate)
        container_format = file.container.format.name
        file.restart()
        num_damaged = _decode_all(file, meters, max_seconds)
    seconds = info.duration_seconds
    if max_seconds is not None:
        seconds = min(seconds, max_seconds)
    return MediaMeasures(
        info=info,
        container_format=container_format,
        num_bytes=os.path.getsize(path),
        num_damaged_packets=num_damaged,
        num_frames=video.num_frames if video else 0,
        video_bit_rate=8 * video.num_bytes / seconds if video else None,
        audio_bit_rate=8 * audio.num_bytes / seconds if audio else None,
        pixel_format=video.pixel_format if video else None,
        num_channels=audio.num_channels if audio else None,
        video_seconds=video.last_seconds if video else None,
        audio_seconds=audio.end_seconds if audio else None,
        audio_start_seconds=audio.start_seconds if audio else None,
        brightness=video.brightness if video else None,
        loudness_db=audio.loudness_db if audio else None,
        peak=audio.peak if audio else None,
        leading_silence_seconds=audio.leading_silence_seconds if audio else None,
    )


class _VideoMeter:
    def __init__(self) -> None:
        self.num_frames = 0
        self.num_bytes = 0
        self.num_damaged = 0
        self.pixel_format: str | None = None
        self.last_seconds = 0.0
        self._levels: list[float] = []
        self._reformatter = VideoReformatter()

    @property
    def brightness(self) -> float | None:
        return float(np.mean(self._levels)) if self._levels else None

    def add(self, frame: av.VideoFrame, seconds: float | None) -> None:
        if self.num_frames % _BRIGHTNESS_EVERY == 0:
            width, height = _BRIGHTNESS_SIZE
            small = self._reformatter.reformat(
                frame, width, height, "gray", interpolation=Interpolation.AREA, threads=1
            )
            self._levels.append(float(small.to_ndarray().mean()))
        self.num_frames += 1
        self.num_damaged += frame.is_corrupt
        self.pixel_format = self.pixel_format or frame.format.name
        self.last_seconds = max(self.last_seconds, seconds or 0.0)


class _AudioMeter:
    def __init__(self, sample_rate: int) -> None:
        self.num_bytes = 0
        self.num_damaged = 0
        self.num_channels: int | None = None
        self.start_seconds: float | None = None
        self.end_seconds = 0.0
        self.peak = 0.0
        self._sample_rate = sample_rate
        self._mixer = MonoMixer(sample_rate)
        self._block = max(1, round(BLOCK_SECONDS * sample_rate))
        self._rest = np.zeros(0, np.float32)
        self._powers: list[npt.NDArray[np.float64]] = []

    @property
    def loudness_db(self) -> float:
        powers = np.concatenate([np.zeros(0), *self._powers])
        mean = float(powers.mean()) if len(powers) else 0.0
        return _FLOOR_DB if mean <= 0 else max(_FLOOR_DB, 10 * float(np.log10(mean)))

    @property
    def leading_silence_seconds(self) -> float:
        powers = np.concatenate([np.zeros(0), *self._powers])
        threshold = (powers.max() if len(powers) else 0.0) * 10 ** (-SILENCE_DB / 10)
        loud = powers > threshold
        first = int(loud.argmax()) if loud.any() else len(powers)
        return first * self._block / self._sample_rate

    def add(self, frame: av.AudioFrame, seconds: float | None) -> None:
        piece = self._mixer.mix(frame)
        start = self.end_seconds if seconds is None else seconds
        if self.start_seconds is None:
            self.start_seconds = start
        self.end_seconds = start + len(piece) / self._sample_rate
        self.num_channels = self.num_channels or frame.layout.nb_channels
        if not is_plausible(piece):
            self.num_damaged += 1
            return
        self.peak = max(self.peak, float(np.abs(piece).max(initial=0.0)))
        samples = np.concatenate([self._rest, piece])
        whole = len(samples) // self._block * self._block
        blocks = samples[:whole].astype(np.float64).reshape(-1, self._block)
        self._powers.append((blocks**2).mean(axis=1))
        self._rest = samples[whole:]


def _decode_all(file: MediaFile, meters: dict[int, Any], max_seconds: float | None) -> int:
    """Feed the meters of the streams; return how many packets do not decode."""
    num_damaged = 0
    zero_seconds = file.zero_seconds
    unfinished = set(meters)
    for packet in file.read_packets([file.container.streams[index] for index in meters]):
        index = packet.stream.index
        if max_seconds is not None and _starts_at(packet, zero_seconds + max_seconds):
            unfinished.discard(index)
        if not unfinished:
            break
        if index not in unfinished or not packet.size:
            continue
        meters[index].num_bytes += packet.size
        num_damaged += _measure_packet(file, meters[index], packet.stream, packet)
    for index in unfinished:
        num_damaged += _measure_packet(file, meters[index], file.container.streams[index], None)
    return num_damaged + sum(meter.num_damaged for meter in meters.values())


def _measure_packet(file: MediaFile, meter: Any, stream: Any, packet: Any) -> bool:
    """Feed what a packet completes, or with None all that is left; return whether it is damaged."""
    try:
        for frame in decode_strictly(stream, packet):
            seconds = file.seconds_of(frame)
            meter.add(frame, None if seconds is None else seconds - file.zero_seconds)
    except MemoryError:
        raise
    except (av.error.FFmpegError, EOFError):
        return True
    return False


def _starts_at(packet: Any, seconds: float) -> bool:
    decoded_at = to_seconds(packet.dts, packet.time_base)
    return decoded_at is not None and decoded_at >= seconds
