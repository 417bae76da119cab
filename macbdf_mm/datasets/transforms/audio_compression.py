"""What a lossy codec does to the sound of a clip."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
import numpy.typing as npt
from av.audio.codeccontext import AudioCodecContext

from macbdf_mm.datasets.transforms.random_change import RandomChange, check_range
from macbdf_mm.registry import TRANSFORMS

_FRAME = 1024


@TRANSFORMS.register_module()
class AudioCompression(RandomChange):
    """Encode the sound as AAC at a random bit rate, and decode it again, without delay.

    Samples that do not exist stay zero.

    Required keys: waveform (S,), audio_valid (S,), sample_rate. Modified keys: waveform.

    Args:
        bit_rate: Lowest and highest bit rate, in bits a second.
        probability: How often anything is changed.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self, bit_rate: tuple[int, int] = (12_000, 48_000), probability: float = 0.3
    ) -> None:
        super().__init__(probability)
        check_range("bit_rate", bit_rate, 4_000, 320_000)
        self.bit_rate = bit_rate

    def change(self, results: dict[str, Any]) -> None:
        """Put the waveform through the codec."""
        bit_rate = int(np.random.randint(self.bit_rate[0], self.bit_rate[1] + 1))
        coded = through_aac(results["waveform"], results["sample_rate"], bit_rate)
        results["waveform"] = np.where(results["audio_valid"], coded, np.float32(0))


def through_aac(
    waveform: npt.NDArray[np.float32], sample_rate: int, bit_rate: int
) -> npt.NDArray[np.float32]:
    """Return mono PCM after encoding as AAC (LC) and decoding, same shape, no delay.

    Args:
        waveform: In [-1, 1], shape (S,), float32.
        sample_rate: In Hz; one that AAC knows, such as 16000.
        bit_rate: In bits a second.
    """
    encoder = cast(AudioCodecContext, av.CodecContext.create("aac", "w"))
    encoder.sample_rate, encoder.format, encoder.layout = sample_rate, "fltp", "mono"  # type: ignore[assignment]
    encoder.bit_rate, encoder.time_base = bit_rate, Fraction(1, sample_rate)
    encoder.open()
    decoder = cast(AudioCodecContext, av.CodecContext.create("aac", "r"))
    decoder.extradata = encoder.extradata
    decoder.sample_rate, decoder.layout = sample_rate, "mono"  # type: ignore[assignment]
    result = np.zeros(len(waveform), np.float32)
    for packet in _packets(encoder, waveform, sample_rate):
        for frame in decoder.decode(packet):
            # The encoder starts 1024 samples early; the times say so.
            first = int(frame.pts or 0)
            piece = frame.to_ndarray()[0]
            low, high = max(0, first), min(len(result), first + len(piece))
            if high > low:
                result[low:high] = piece[low - first : high - first]
    return result


def _packets(
    encoder: AudioCodecContext, waveform: npt.NDArray[np.float32], sample_rate: int
) -> Iterable[av.Packet]:
    padded = np.pad(waveform, (0, -len(waveform) % _FRAME + _FRAME)).astype(np.float32)
    for first in range(0, len(padded), _FRAME):
        block = np.ascontiguousarray(padded[first : first + _FRAME][None])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = sample_rate, first
        frame.time_base = Fraction(1, sample_rate)
        yield from encoder.encode(frame)
    yield from encoder.encode(None)
