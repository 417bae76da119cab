"""Reading random spans of a file against mmaction2's way with decord."""

import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.filmed_clip import FPS, SAMPLE_RATE, write_filmed_clip
from benchmarks.report import Goal
from benchmarks.rows import NotMeasuredError, Row, make_row
from benchmarks.settings import Settings
from benchmarks.timing import Call, all_calls, clock_with, measure_in_turns
from macbdf_mm.media.decoding_process import DecodingProcess
from macbdf_mm.media.read_span import read_span
from macbdf_mm.structures.intervals import Interval

NUM_FRAMES = 16
STRIDE = 4

_SECONDS = 10.0
_SIZE = (480, 854)
_PEER = "mmaction2 with decord"
_READING = "reading frames and sound"
DECODING_GOALS = (
    Goal("decode_250", "decoding", f"{_READING}, GOP 250 / {_PEER}", 1.5),
    Goal("decode_25", "decoding", f"{_READING}, GOP 25 / {_PEER}", 1.4),
)


class StockClip(NamedTuple):
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

    Raises:
        ImportError: If they are not installed.
    """

    def __init__(self) -> None:
        from decord import AudioReader
        from mmaction.datasets.transforms import DecordDecode, DecordInit, SampleFrames

        self._read_sound = partial(AudioReader, sample_rate=SAMPLE_RATE, mono=True)
        self._video = (
            DecordInit(num_threads=1),
            SampleFrames(clip_len=NUM_FRAMES, frame_interval=STRIDE, num_clips=1),
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
        samples_a_frame = SAMPLE_RATE / results["avg_fps"]
        first = round(indices[0] * samples_a_frame)
        num_samples = round(NUM_FRAMES * STRIDE * samples_a_frame)
        waveform = sound[0, first : first + num_samples]
        return StockClip(np.stack(results["imgs"]), indices, waveform)


def measure_decoding(settings: Settings) -> Iterator[Row]:
    """Yield 16 frames of 480p, every fourth, with the sound of the same 2.56 s.

    The spans are those that mmaction2's ``SampleFrames`` draws; the same for all ways. The
    child process is the one in which workers read, and its processor time counts.
    """
    num_spans = 3 if settings.is_quick else 6
    with tempfile.TemporaryDirectory() as folder, DecodingProcess() as process:
        for gop in (250, 25):
            path = Path(folder) / f"gop_{gop}.mp4"
            write_filmed_clip(path, _SECONDS, _SIZE, settings.seed, gop)
            seeds = [settings.seed + index for index in range(num_spans)]
            yield from _compare_on(path, seeds, process, settings, gop)


def own_span(first_frame: int) -> Interval:
    """Return the span whose steps show every fourth frame from ``first_frame`` on, in seconds."""
    # A frame and a half early: the middles of the steps are then the middles of the frames.
    start = (first_frame - (STRIDE - 1) / 2) / FPS
    return start, start + NUM_FRAMES * STRIDE / FPS


def _compare_on(
    path: Path, seeds: Sequence[int], process: DecodingProcess, settings: Settings, gop: int
) -> Iterator[Row]:
    try:
        pipeline = DecordPipeline()
    except ImportError as error:
        raise NotMeasuredError(f"the peer is not installed: {error}") from error
    own, child, peer = list[Call](), list[Call](), list[Call]()
    for seed in seeds:
        # One clip at a time: the arrays of all are hundreds of megabytes.
        clip = pipeline.read(path, seed)
        arguments = (path, own_span(int(clip.indices[0])), NUM_FRAMES, SAMPLE_RATE)
        if not np.array_equal(np.asarray(read_span(*arguments).frames), clip.frames):
            raise NotMeasuredError(f"at GOP {gop} both ways read different frames")
        own.append(partial(read_span, *arguments))
        child.append(partial(process.call, read_span, *arguments))
        peer.append(partial(pipeline.read, path, seed))
    calls = {"own": all_calls(own), "child": all_calls(child), "peer": all_calls(peer)}
    turns = measure_in_turns(calls, clock_with(process), settings.num_rounds)
    times = {way: [ms / len(seeds) for ms in values] for way, values in turns.items()}
    setting = f"480p, GOP {gop}, frames bit-equal"
    name = "reading 16 frames and their sound"
    yield make_row(name, setting, _PEER, times["own"], times["peer"], goal=f"decode_{gop}")
    what = f"{name}, in the worker's child process"
    yield make_row(what, setting, _PEER, times["child"], times["peer"])
