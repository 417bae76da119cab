"""Log-mel spectrograms with a cached transform against one that is built for each clip."""

from collections.abc import Iterator

import torch
from torchaudio.transforms import MelSpectrogram

from benchmarks.comparison import compare
from benchmarks.row import Row, speed_row
from benchmarks.settings import Settings
from macbdf_mm.models.layers.log_mel import LogMel

_BATCH = 8
_NUM_SAMPLES = 40_960


def measure_log_mel(settings: Settings) -> Iterator[Row]:
    """Yield the spectrograms of a batch of 8 clips of 2.56 s."""
    torch.manual_seed(settings.seed)
    waveforms = torch.randn(_BATCH, _NUM_SAMPLES)
    log_mel = LogMel()

    def own() -> torch.Tensor:
        return log_mel(waveforms)

    def rebuilt() -> list[torch.Tensor]:
        return [
            torch.log(MelSpectrogram(16_000, n_fft=512, hop_length=160, n_mels=64)(clip) + 1e-6)
            for clip in waveforms
        ]

    comparison = compare(own, rebuilt, settings.clock(), settings.num_rounds)
    yield speed_row(
        "log-mel", "B=8, 2.56 s at 16 kHz", "torchaudio, built for each clip", comparison
    )
