"""The stock way of loading a clip: mmaction2's transforms with decord, and decord's sound."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import decord
import numpy as np
import numpy.typing as npt
from mmaction.datasets.transforms import DecordDecode, DecordInit, SampleFrames


@dataclass(frozen=True)
class StockClip:
    """What the stock pipeline gives.

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

    All with one thread, as the transforms do by default.

    Args:
        num_frames: T.
        stride: Frames from one to the next.
        sample_rate: Of the sound, in Hz.
    """

    def __init__(self, num_frames: int, stride: int, sample_rate: int) -> None:
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
        sound = decord.AudioReader(str(path), sample_rate=self.sample_rate, mono=True)[:].asnumpy()
        indices = results["frame_inds"]
        samples_a_frame = self.sample_rate / results["avg_fps"]
        first = round(indices[0] * samples_a_frame)
        num_samples = round(self.num_frames * self.stride * samples_a_frame)
        waveform = sound[0, first : first + num_samples]
        return StockClip(np.stack(results["imgs"]), indices, waveform)
