"""Log-mel spectrograms of a whole batch, on the device of the model."""

import torch
from torch import Tensor, nn
from torchaudio.transforms import MelSpectrogram

from macbdf_mm.errors import ArgumentError

# Spectra of more samples leave the cache of a processor: 8 clips of 2.56 s take 1.8 times as long
# at once as in twos.
_SAMPLES_AT_ONCE = 81_920


class LogMel(nn.Module):
    """log(M + eps) of the power mel spectrogram M, |STFT|^2 through the filter bank (Eq. 1).

    Window and filter bank are built once and are buffers. Frame n is centred on sample
    n * hop; a Hann window, mirrored edges, HTK's mel scale, filters of height 1. Sound that begins
    late or ends early has its edges there.

    Args:
        sample_rate: Samples a second of the waveforms.
        n_fft: Length of the window and of the transform, in samples.
        hop_length: Samples from one frame to the next.
        num_mels: Mel bins. 128 at 512 samples leave a filter without a frequency.
        eps: Added to the power; it hides the rounding noise of 16-bit silence.

    Raises:
        ValueError: If a length is not positive or ``eps`` is not.
    """

    def __init__(
        self,
        sample_rate: int = 16000,
        n_fft: int = 512,
        hop_length: int = 160,
        num_mels: int = 64,
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        sizes = {
            "sample_rate": sample_rate,
            "n_fft": n_fft,
            "hop_length": hop_length,
            "num_mels": num_mels,
            "eps": eps,
        }
        for name, value in sizes.items():
            if value <= 0:
                raise ArgumentError(f"Expected `{name}` > 0, got {value}.")
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.eps = eps
        self.mel = MelSpectrogram(
            sample_rate, n_fft=n_fft, hop_length=hop_length, n_mels=num_mels, power=2.0
        )
        # They follow from the arguments: a checkpoint must not bring those of another config.
        for part, name in ((self.mel.spectrogram, "window"), (self.mel.mel_scale, "fb")):
            part.register_buffer(name, part.get_buffer(name), persistent=False)

    def forward(self, waveform: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the log-mel spectrogram, (B, num_mels, S // hop_length) float32.

        Always in float32: the filter bank's product would lose its quiet bins in half
        precision, and training calls this under autocast.

        Args:
            waveform: (B, S) float in [-1, 1].
            mask: (B, S) bool, True where a sample is valid, None if all are. Frames centred on
                others hold mirrored sound or silence.

        Raises:
            ValueError: If the waveform is shorter than the mirrored edge needs, or not (B, S).
        """
        if waveform.dim() != 2 or waveform.shape[1] <= self.n_fft // 2:
            raise ArgumentError(
                f"Expected waveforms (B, S) with S > {self.n_fft // 2} samples, "
                f"got shape {tuple(waveform.shape)}. Take a longer span."
            )
        if mask is not None:
            waveform = mirrored_at_gaps(waveform, mask, self.n_fft // 2)
        # An exported program must not hold the number of pieces of its example.
        if waveform.is_cpu and not torch.compiler.is_exporting():
            clips = waveform.split(max(1, _SAMPLES_AT_ONCE // waveform.shape[1]))
            return torch.cat([self._compute(part) for part in clips])
        return self._compute(waveform)

    def _compute(self, waveform: Tensor) -> Tensor:
        num_frames = waveform.shape[1] // self.hop_length
        with torch.autocast(waveform.device.type, enabled=False):
            power = self.mel(waveform.float())[..., :num_frames]
        return torch.log(power + self.eps)


def mirrored_at_gaps(waveform: Tensor, mask: Tensor, reach: int) -> Tensor:
    """Return the waveform with its mirror image where it is not valid, (B, S); else with zeros.

    As an STFT mirrors a waveform at both of its ends: the sample at an edge is not repeated. A
    frame at the edge of a gap is then that of the sound alone, and has no click at its centre.

    Args:
        waveform: (B, S).
        mask: (B, S) bool, True where a sample is valid.
        reach: How many samples to fill from either side of a gap.
    """
    last = waveform.shape[1] - 1
    place = torch.arange(last + 1, device=waveform.device).expand_as(mask)
    # The nearest valid samples before and after each; beyond all reach where there is none.
    before = place.where(mask, -last - reach - 1).cummax(dim=1).values
    after = place.where(mask, 2 * last + reach + 1).flip(1).cummin(dim=1).values.flip(1)
    edge = before.where(place - before <= after - place, after)
    source = 2 * edge - place
    inside = source.clamp(0, last)
    is_sound = ((edge - place).abs() <= reach) & (source == inside) & mask.gather(1, inside)
    return waveform.gather(1, inside).masked_fill(~is_sound, 0.0)
