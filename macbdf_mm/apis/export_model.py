"""A trained detector in a form that needs neither MMEngine nor this package.

A format is a function in the registry ``EXPORTERS``: it writes a :class:`ScoringModel` to a path,
with an example of its inputs. ``docs/extend.md`` shows how to add one.
"""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch
from mmengine.config import Config
from torch import Tensor, nn

from macbdf_mm.apis.load_model import build_model, load_checkpoint, load_weights
from macbdf_mm.apis.test_settings import read_test_settings
from macbdf_mm.models.data_preprocessors.forgery_data_preprocessor import (
    ForgeryDataPreprocessor,
)
from macbdf_mm.models.detectors.macbdf import MACBDF
from macbdf_mm.registered_parts import find_part
from macbdf_mm.registry import EXPORTERS
from macbdf_mm.structures.labels import UNKNOWN
from macbdf_mm.utils.files import check_writable, replacing

Inputs = dict[str, Tensor]
"""``video`` (B, 3, T, H, W) uint8, ``video_mask`` (B, T) bool, ``waveform`` (B, S) float32 in
[-1, 1] and ``audio_mask`` (B, S) bool; T, H, W and S are those of the config's test pipeline."""


class ScoringModel(nn.Module):
    """A detector from decoded tracks to scores, its preprocessing included.

    Args:
        detector: A detector of this package with its trained weights.
    """

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.detector = detector.eval()

    def forward(
        self, video: Tensor, video_mask: Tensor, waveform: Tensor, audio_mask: Tensor
    ) -> Tensor:
        """Return P(fake) of overall, video and audio, (B, 3); the arguments are :data:`Inputs`."""
        preprocessor = cast(ForgeryDataPreprocessor, self.detector.data_preprocessor)
        inputs = preprocessor.prepare(video, video_mask, waveform, audio_mask)
        return self.detector(inputs, mode="tensor").sigmoid()


class StepScoringModel(ScoringModel):
    """As :class:`ScoringModel`, with the scores of time steps, and NaN for what was not seen.

    Args:
        detector: A :class:`~macbdf_mm.models.detectors.macbdf.MACBDF` with a frame-level head.
    """

    def forward(  # type: ignore[override]
        self, video: Tensor, video_mask: Tensor, waveform: Tensor, audio_mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return P(fake) of overall, video and audio, (B, 3), and of their steps, (B, T') each."""
        detector = cast(MACBDF, self.detector)
        preprocessor = cast(ForgeryDataPreprocessor, detector.data_preprocessor)
        video_map, audio_map, masks = detector.encode(
            preprocessor.prepare(video, video_mask, waveform, audio_mask)
        )
        embeddings = detector.neck.embed(video_map, audio_map, masks)
        weights = detector.neck.weigh(video_map, audio_map, embeddings, masks)
        layers = detector.extract_and_exchange(video_map, audio_map, weights, masks)
        scores = detector.head(detector.neck.fuse(layers, weights, masks)).float().sigmoid()
        known = torch.cat([masks.seen.any(1, keepdim=True), masks.seen], dim=1)
        steps = cast(nn.Module, detector.frame_head)(layers[-1], masks)
        return (
            scores.masked_fill(~known, torch.nan),
            steps.video.sigmoid().masked_fill(~steps.video_mask, torch.nan),
            steps.audio.sigmoid().masked_fill(~steps.audio_mask, torch.nan),
        )


Exporter = Callable[[ScoringModel, Inputs, Path], None]


def export_model(
    cfg: Config,
    checkpoint: str | Path,
    format_name: str,
    out: str | Path,
    *,
    allow_pickle: bool = False,
) -> Path:
    """Return the file to which a trained detector was written.

    Args:
        cfg: The config that the detector was trained with.
        checkpoint: Its weights.
        format_name: A name in ``EXPORTERS``.
        out: The file to write; its folder is made.
        allow_pickle: Load a checkpoint that holds more than weights, which can run any code.

    Raises:
        ConfigError: If there is no such format.
        CheckpointMismatchError: If the weights do not belong to the config.
        MissingDataError: If there is no such checkpoint.
        UnwritableFileError: If the file cannot be written.
    """
    exporter: Exporter = find_part(EXPORTERS, format_name, {})
    check_writable(out)
    detector = build_model(cfg)
    weights = load_checkpoint(checkpoint, allow_pickle=allow_pickle)["state_dict"]
    load_weights(detector, weights, str(checkpoint))
    with replacing(out) as unfinished, torch.no_grad():
        exporter(ScoringModel(detector), example_inputs(cfg), unfinished)
    return Path(out)


def example_inputs(cfg: Config) -> Inputs:
    """Return two clips without picture and sound, in the sizes that the test pipeline ends with."""
    settings = read_test_settings(cfg)
    blank = {
        "decode_error": "made as an example",
        "span_seconds": (0.0, settings.span_seconds),
        "video_fake_intervals": (),
        "audio_fake_intervals": (),
        **dict.fromkeys(("label", "video_label", "audio_label"), UNKNOWN),
    }
    clip = settings.pipeline(blank)["inputs"]
    return {name: torch.stack([tensor, tensor]) for name, tensor in clip.items()}
