"""Reading random spans of a file against mmaction2's way with decord."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.filmed_clip import FPS, SAMPLE_RATE, write_filmed_clip
from benchmarks.rows import NotMeasuredError, Row, speed_row
from benchmarks.settings import Settings
from benchmarks.timing import Comparison, clock_with, measure_in_turns
from macbdf_mm.media.decoding_process import DecodingProcess
from macbdf_mm.media.read_span import DecodedSpan, read_span
from macbdf_mm.structures.intervals import Interval

NUM_FRAMES = 16
STRIDE = 4

_SECONDS = 10.0
_SIZE = (480, 854)
# Frames between key frames -> the goal.
_GOALS = {250: "decode_250", 25: "decode_25"}
_PEER = "mmaction2 with decord"


@dataclass(frozen=True)
class StockClip:
    """The output of the stock pipeline.

    Attributes:
        frames: RGB, shape (T, H, W, 3), uint8.
        indices: Which frames of the file they are, shape (T,).
        waveform: The sound of the same frames, shape (S,), float32, mono.
    """

    frames: npt.NDArray[np.uint8]
    indices: npt.NDArray[np.int32]
    waveform: npt.NDArray[np.float32]


class DecordPipeline:
    """``DecordInit``, ``SampleFrames`` and ``DecordDecode`` (accurate), then ``AudioReader``.

    All with one thread, as the transforms do by default. mmaction2 and decord are imported with
    the first object: that takes long, and only this peer needs them.

    Args:
        num_frames: T.
        stride: Frames from one to the next.
        sample_rate: Of the sound, in Hz.

    Raises:
        ImportError: If they are not installed.
    """

    def __init__(self, num_frames: int, stride: int, sample_rate: int) -> None:
        from decord import AudioReader
        from mmaction.datasets.transforms import DecordDecode, DecordInit, SampleFrames

        self._read_sound = partial(AudioReader, sample_rate=sample_rate, mono=True)
        self.num_frames, self.stride, self.sample_rate = num_frames, stride, sample_rate
        self._video = (
            DecordInit(num_threads=1),
            SampleFrames(clip_len=num_frames, frame_interval=stride, num_clips=1),
            DecordDecode(mode="accurate"),
        )

    def read(self, path: Path, seed: int) -> StockClip:
        """Return the clip that ``SampleFrames`` draws with a seed."""
        # It draws from numpy's global state.
        np.random.seed(seed)
        results: dict[str, Any] = {"filename": str(path), "modality": "RGB", "start_index": 0}
        for transform in self._video:
            results = transform.transform(results)
        sound = self._read_sound(str(path))[:].asnumpy()
        indices = results["frame_inds"]
        samples_a_frame = self.sample_rate / results["avg_fps"]
        first = round(indices[0] * samples_a_frame)
        num_samples = round(self.num_frames * self.stride * samples_a_frame)
        waveform = sound[0, first : first + num_samples]
        return StockClip(np.stack(results["imgs"]), indices, waveform)


def measure_decoding(settings: Settings) -> Iterator[Row]:
    """Yield 16 frames of 480p, every fourth, with the sound of the same 2.56 s.

    The spans are those that mmaction2's ``SampleFrames`` draws; the same for all ways. The
    child process is the one in which workers read, and its processor time counts.
    """
    num_spans = 3 if settings.is_quick else 6
    with tempfile.TemporaryDirectory() as folder, DecodingProcess() as process:
        for gop, goal in _GOALS.items():
            path = Path(folder) / f"gop_{gop}.mp4"
            write_filmed_clip(path, _SECONDS, _SIZE, settings.seed, gop)
            seeds = [settings.seed + index for index in range(num_spans)]
            yield from _compare_on(path, seeds, process, settings, gop, goal)


def own_span(first_frame: int) -> Interval:
    """Return the span whose steps show every fourth frame from ``first_frame`` on, in seconds."""
    # A frame and a half early: the middles of the steps are then the middles of the frames.
    start = (first_frame - (STRIDE - 1) / 2) / FPS
    return start, start + NUM_FRAMES * STRIDE / FPS


def _compare_on(
    path: Path,
    seeds: Sequence[int],
    process: DecodingProcess,
    settings: Settings,
    gop: int,
    goal: str,
) -> Iterator[Row]:
    try:
        pipeline = DecordPipeline(NUM_FRAMES, STRIDE, SAMPLE_RATE)
    except ImportError as error:
        raise NotMeasuredError(f"the peer is not installed: {error}") from error
    stock = [pipeline.read(path, seed) for seed in seeds]
    spans = [own_span(int(clip.indices[0])) for clip in stock]

    def read(span: Interval) -> DecodedSpan:
        return read_span(path, span, NUM_FRAMES, SAMPLE_RATE)

    def read_in_child(span: Interval) -> DecodedSpan:
        return process.call(read_span, path, span, NUM_FRAMES, SAMPLE_RATE)

    for span, clip in zip(spans, stock, strict=True):
        if not np.array_equal(np.asarray(read(span).frames), clip.frames):
            raise NotMeasuredError(f"at GOP {gop} both ways read different frames")
    # The arrays of all stock clips are hundreds of megabytes.
    del stock
    calls: dict[str, Callable[[], object]] = {
        "own": partial(read_each, read, spans),
        "child": partial(read_each, read_in_child, spans),
        "peer": partial(read_each, partial(pipeline.read, path), seeds),
    }
    passes = measure_in_turns(calls, clock_with(process), settings.num_rounds)
    seconds = {way: tuple(s / len(spans) for s in values) for way, values in passes.items()}
    setting = f"480p, GOP {gop}, frames bit-equal"
    name = "reading 16 frames and their sound"
    comparison = Comparison(seconds["own"], seconds["peer"])
    yield speed_row(name, setting, _PEER, comparison, goal)
    comparison = Comparison(seconds["child"], seconds["peer"])
    yield speed_row(f"{name}, in the worker's child process", setting, _PEER, comparison)


def read_each(read: Callable[[Any], object], places: Iterable[Any]) -> None:
    """Read all places of a file, one after the other."""
    for place in places:
        read(place)
