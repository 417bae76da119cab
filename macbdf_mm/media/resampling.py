"""Changing the sample rate of a waveform, and mixing its channels down."""

from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt


def resample(
    waveform: npt.NDArray[np.float32], from_hz: int, to_hz: int
) -> npt.NDArray[np.float32]:
    """Return the waveform at another sample rate, shape (round(S * to_hz / from_hz),).

    Band-limited (FFmpeg's swresample) and without delay: sample k lies at ``k / to_hz``.

    Args:
        waveform: Mono PCM, shape (S,), float32.
        from_hz: Its sample rate.
        to_hz: The wanted one.

    Raises:
        ValueError: If a rate is not positive.
    """
    if from_hz <= 0 or to_hz <= 0:
        raise ValueError(f"Expected `from_hz` and `to_hz` > 0, got {from_hz} and {to_hz}.")
    if from_hz == to_hz or not len(waveform):
        return waveform.astype(np.float32)
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(waveform, dtype=np.float32)[None], format="fltp", layout="mono"
    )
    frame.sample_rate, frame.pts, frame.time_base = from_hz, 0, Fraction(1, from_hz)
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=to_hz)
    pieces = [*resampler.resample(frame), *resampler.resample(None)]
    samples = np.concatenate([piece.to_ndarray()[0] for piece in pieces])
    wanted = round(len(waveform) * to_hz / from_hz)
    return np.pad(samples[:wanted], (0, max(0, wanted - len(samples))))


class MonoMixer:
    """Mixes decoded frames down to mono float32 at one sample rate.

    FFmpeg's matrices: 5.1 keeps the dialogue of the centre channel. A stream may change its
    layout or rate on the way; each kind of frame gets a mixer of its own.

    Args:
        sample_rate: Of the result, in Hz. Frames at this rate are mixed without delay.
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._resamplers: dict[tuple[str, str, int], av.AudioResampler] = {}

    def mix(self, frame: av.AudioFrame) -> npt.NDArray[np.float32]:
        """Return the samples of a frame, shape (S,), float32, nominally in [-1, 1]."""
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind not in self._resamplers:
            self._resamplers[kind] = av.AudioResampler(
                format="fltp", layout="mono", rate=self.sample_rate
            )
        # The filter graph would fill gaps in time; where a frame belongs is decided elsewhere.
        frame.pts = None
        pieces = self._resamplers[kind].resample(frame)
        return np.concatenate([np.zeros(0, np.float32), *(p.to_ndarray()[0] for p in pieces)])
