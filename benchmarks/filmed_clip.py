"""A clip that costs about as much to decode as one that was filmed."""

import heapq
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from macbdf_mm.media.writer import write_clip

FPS = 25.0
SAMPLE_RATE = 16_000

# Grey levels of a camera's noise in indoor light, before encoding.
_NOISE_LEVEL = 6.0
# Of the background's finest detail; each coarser layer has twice its size.
_FINEST_PIXELS = 4
_NUM_LAYERS = 5
# The camera is hand-held, the figure before it sways: pixels of amplitude, seconds of period.
_CAMERA_SWAY = (6.0, 3.1)
_FIGURE_SWAY = (24.0, 1.7)
_REPEATED_SECONDS = 2.0


def write_filmed_clip(
    path: Path, seconds: float, size: tuple[int, int], seed: int, gop: int = 25
) -> None:
    """Write a clip of a textured figure that sways before a textured wall, with camera noise.

    What decoding costs depends on the bits of a picture. At 480p this takes 0.6 Mbit/s with a
    key frame every 250 frames and 1.2 Mbit/s with one every 25; films of a talking person of
    that size take 0.4 to 1.1.

    Args:
        path: The file to write, H.264 at constant rate factor 23 with AAC sound.
        seconds: Its length; 25 frames per second.
        size: Height and width.
        seed: Of pictures and sound.
        gop: Frames between key frames.
    """
    rng = np.random.default_rng(seed)
    frames = np.stack(list(_draw_frames(rng, round(seconds * FPS), size)))
    waveform = rng.normal(0.0, 0.1, round(seconds * SAMPLE_RATE)).astype(np.float32)
    write_clip(path, frames, FPS, waveform, SAMPLE_RATE, gop=gop)


def write_repeated_clip(
    path: Path, seconds: float, size: tuple[int, int], seed: int, rotation: int = 0
) -> None:
    """Write a clip of any length out of the packets of one of 2 s, over and over.

    It costs as much to decode as :func:`write_filmed_clip` with a key frame every 50 frames, and
    next to nothing to write.

    Args:
        path: The file to write, with the suffix of a container.
        seconds: Its length, rounded up to whole parts of 2 s.
        size: Height and width as stored.
        seed: Of pictures and sound.
        rotation: By how many degrees it is to be turned to be shown, as telephones note it.
    """
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "part.mp4"
        write_filmed_clip(part, _REPEATED_SECONDS, size, seed, gop=round(_REPEATED_SECONDS * FPS))
        source: Any = av.open(str(part))
        target: Any = av.open(str(path), "w")
        with source, target:
            streams = {s.index: target.add_stream_from_template(s) for s in source.streams}
            if rotation:
                target.streams.video[0].set_display_rotation(rotation)
            packets: dict[int, list[Any]] = {index: [] for index in streams}
            for packet in source.demux():
                if packet.size:
                    packets[packet.stream.index].append(packet)
            walks = [_repeat(of_track, seconds) for of_track in packets.values()]
            for _, packet, shift in heapq.merge(*walks, key=lambda item: item[0]):
                copy: Any = av.Packet(bytes(packet))
                copy.pts, copy.dts = packet.pts + shift, packet.dts + shift
                copy.time_base, copy.duration = packet.time_base, packet.duration
                copy.is_keyframe, copy.stream = packet.is_keyframe, streams[packet.stream.index]
                target.mux(copy)


def _repeat(packets: Sequence[Any], seconds: float) -> Iterator[tuple[float, Any, int]]:
    """Yield the packets of a track again and again: when, which, and by how many ticks later."""
    length, time_base = sum(packet.duration for packet in packets), packets[0].time_base
    for number in itertools.count():
        # Of a group of pictures none may be missing; sound may end anywhere.
        if number * length * time_base >= seconds:
            return
        for packet in packets:
            moment = float((packet.dts + number * length) * time_base)
            if packet.stream.type == "audio" and moment >= seconds:
                return
            yield moment, packet, number * length


def _draw_frames(
    rng: np.random.Generator, num_frames: int, size: tuple[int, int]
) -> Iterator[npt.NDArray[np.uint8]]:
    height, width = size
    # Room on all sides for the sway, and for taking the noise from another place each time.
    margin = 32
    wall, figure = (_texture(rng, (height + 2 * margin, width + 2 * margin)) for _ in range(2))
    noise = rng.normal(0.0, _NOISE_LEVEL, (height + 64, width + 64, 3)).astype(np.float32)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    for number in range(num_frames):
        camera = _sway(number, *_CAMERA_SWAY)
        moved = _sway(number, *_FIGURE_SWAY)
        picture = _shifted(wall, camera, margin, size)
        centre = width / 2 + moved
        right, down = (columns - centre) / (height / 4), (rows - height / 2) / (height / 3)
        # A soft edge, as out of a lens.
        cover = np.clip(20 * (1 - right**2 - down**2), 0, 1)[..., None]
        picture = picture + cover * (_shifted(figure, moved, margin, size) - picture)
        top, left = rng.integers(0, 64, 2)
        picture = picture + noise[top : top + height, left : left + width]
        yield picture.clip(0, 255).astype(np.uint8)


def _texture(rng: np.random.Generator, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Return detail of several sizes, the coarser the stronger, as in natural pictures."""
    height, width = size
    picture = np.full((height, width, 3), 110.0, np.float32)
    for layer in range(_NUM_LAYERS):
        pixels = _FINEST_PIXELS << layer
        cells = rng.normal(0.0, 4.0 * 1.5**layer, (height // pixels + 2, width // pixels + 2, 3))
        picture += cv2.resize(
            cells.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
        )
    return picture


def _shifted(
    picture: npt.NDArray[np.float32], pixels: float, margin: int, size: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Return the middle of a picture moved to the right, to a part of a pixel."""
    height, width = size
    centre = margin - pixels + (width - 1) / 2, margin + (height - 1) / 2
    return np.asarray(cv2.getRectSubPix(picture, (width, height), centre), np.float32)


def _sway(number: int, amplitude: float, period_seconds: float) -> float:
    return amplitude * float(np.sin(2 * np.pi * number / FPS / period_seconds))
