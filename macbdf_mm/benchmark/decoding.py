"""Reading a span of a file against mmaction2's way with decord."""

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from macbdf_mm.benchmark.comparison import compare
from macbdf_mm.benchmark.row import Row, speed_row
from macbdf_mm.benchmark.settings import Settings
from macbdf_mm.media.read_span import read_span
from macbdf_mm.media.writer import write_clip

_FPS = 25.0
_SECONDS = 10.0
_HEIGHT, _WIDTH = 480, 854
_SAMPLE_RATE = 16_000
_NUM_FRAMES = 16
_STRIDE = 4
# Of the span; not at a key frame of either file.
_FIRST_FRAME = 137
# Frames between key frames -> the goal.
_GOALS = {250: "decode_250", 25: "decode_25"}


def measure_decoding(settings: Settings) -> Iterator[Row]:
    """Yield 16 frames of 480p, every fourth, with the sound of the same 2.56 s."""
    span = (_FIRST_FRAME / _FPS, (_FIRST_FRAME + _STRIDE * _NUM_FRAMES) / _FPS)
    # In the middle of the steps that the span is cut into.
    indices = _FIRST_FRAME + _STRIDE // 2 + _STRIDE * np.arange(_NUM_FRAMES)
    with tempfile.TemporaryDirectory() as folder:
        for gop, goal in _GOALS.items():
            path = Path(folder) / f"gop_{gop}.mp4"
            write_noisy_clip(path, _SECONDS, (_HEIGHT, _WIDTH), settings.seed, gop)

            def own(path: Path = path) -> npt.NDArray[np.uint8] | None:
                return read_span(path, span, _NUM_FRAMES, _SAMPLE_RATE).frames

            def peer(path: Path = path) -> npt.NDArray[np.uint8]:
                return _read_with_decord(path, indices)

            comparison = compare(own, peer, settings.clock(), settings.num_rounds)
            frames = own()
            is_equal = frames is not None and np.array_equal(frames, peer())
            setting = f"480p, GOP {gop}, frames {'bit-equal' if is_equal else 'NOT equal'}"
            name = "reading 16 frames and their sound"
            yield speed_row(name, setting, "mmaction2 with decord", comparison, goal)


def write_noisy_clip(
    path: Path, seconds: float, size: tuple[int, int], seed: int, gop: int = 25
) -> None:
    """Write a clip of a moving texture, which costs about what a real picture does, with noise.

    Args:
        path: The file to write.
        seconds: Its length.
        size: Height and width.
        seed: Of the texture and the sound.
        gop: Frames between key frames.
    """
    rng = np.random.default_rng(seed)
    num_frames = round(seconds * _FPS)
    height, width = size
    coarse = rng.integers(0, 256, (height // 8 + 1, (width + 2 * num_frames) // 8 + 1, 3))
    texture = coarse.astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    frames = np.stack([texture[:height, 2 * t : 2 * t + width] for t in range(num_frames)])
    waveform = rng.normal(0.0, 0.1, round(seconds * _SAMPLE_RATE)).astype(np.float32)
    write_clip(path, frames, _FPS, waveform, _SAMPLE_RATE, gop=gop)


def _read_with_decord(path: Path, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Return the frames as mmaction2's ``DecordInit`` and ``DecordDecode`` read them.

    The file is opened from memory, and the whole track of sound is read, as decord does.
    """
    import decord  # here: importing it takes long, and only this measurement needs it

    video = decord.VideoReader(io.BytesIO(path.read_bytes()), num_threads=1)
    frames: npt.NDArray[np.uint8] = video.get_batch(indices).asnumpy()
    decord.AudioReader(str(path), sample_rate=_SAMPLE_RATE, mono=True)[:].asnumpy()
    return frames
