"""The sample-level classifier."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from macbdf_mm.errors import ArgumentError, NonFiniteScoreError
from macbdf_mm.models.heads.masked_bce import complete_weights, masked_bce
from macbdf_mm.registry import MODELS
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample

_TARGETS = {"overall": "gt_label", "video": "gt_video_label", "audio": "gt_audio_label"}


@MODELS.register_module()
class ForgeryMLPHead(BaseModule):
    """An MLP with three logits: is the clip fake, is its video, is its audio (3.4, Eq. 19).

    Steps of (FC, BatchNorm, ReLU, Dropout), then a linear layer. The paper has logits for
    video and audio; the overall one is ours and is trained by the clip's own label, so that
    data that publish no other (DFDC) train it too.

    Args:
        in_channels: Channels D of the fused vector.
        hidden_channels: Width of each step.
        drop_rate: Dropout after each step.
        loss_weights: Weight of each loss by name; 1 where not named.
        mask_one_class: Whether a loss is zero until training has had both a real and a fake
            label of it. Labels of one class teach nothing but their constant, and what is left
            of that gradient would still steer OM-Pareto. The paper's Eq. 19 has no such mask.
        init_cfg: MMEngine's initialisation.

    Raises:
        ValueError: If ``loss_weights`` names a loss that does not exist.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: Sequence[int] = (256,),
        drop_rate: float = 0.5,
        loss_weights: Mapping[str, float] | None = None,
        mask_one_class: bool = True,
        init_cfg: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if min(hidden_channels, default=1) < 1:
            raise ArgumentError(f"Expected `hidden_channels` > 0, got {tuple(hidden_channels)}.")
        self.loss_weights = complete_weights(loss_weights or {}, _TARGETS)
        steps: list[nn.Module] = []
        for width in hidden_channels:
            steps += [
                nn.Linear(in_channels, width),
                SingleSampleBatchNorm1d(width),
                nn.ReLU(),
                nn.Dropout(drop_rate),
            ]
            in_channels = width
        self.steps = nn.Sequential(*steps)
        self.classifier = nn.Linear(in_channels, len(_TARGETS))
        self.mask_one_class = mask_one_class
        self.known_classes: Tensor
        self.register_buffer("known_classes", torch.zeros(2, len(_TARGETS), dtype=torch.bool))

    def forward(self, fused: Tensor) -> Tensor:
        """Return logits (B, 3) of overall, video, audio for fused vectors (B, D)."""
        return self.classifier(self.steps(fused))

    def loss(
        self,
        fused: Tensor,
        data_samples: Sequence[ForgeryDataSample],
        seen: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return ``loss_overall``, ``loss_video`` and ``loss_audio``, scalars, weighted.

        In training, the classes of the labels are noted in ``known_classes``.

        Args:
            fused: (B, D).
            data_samples: B samples with ``gt_label``, ``gt_video_label``, ``gt_audio_label``.
            seen: (B, 2) bool, whether the video, the audio was there; None: both. A track that
                was not has no loss of its own.

        Raises:
            ValueError: If a sample lacks one of the labels.
        """
        labels = torch.stack([_labels_of(sample) for sample in data_samples])
        valid = None if seen is None else torch.cat([seen.any(1, keepdim=True), seen], dim=1)
        losses = masked_bce(
            self(fused),
            labels.to(fused.device),
            valid,
            self.known_classes if self.mask_one_class and self.training else None,
        )
        return {
            f"loss_{name}": self.loss_weights[name] * loss
            for name, loss in zip(_TARGETS, losses, strict=True)
        }

    def predict(
        self,
        fused: Tensor,
        data_samples: Sequence[ForgeryDataSample],
        seen: Tensor | None = None,
    ) -> list[ForgeryDataSample]:
        """Return the samples with ``pred_scores`` (3,) float32 in [0, 1], NaN where not seen.

        Args:
            fused: (B, D).
            data_samples: B samples, written to.
            seen: (B, 2) bool, whether the video, the audio was there; None: both. Without
                either, the overall score is NaN too.

        Raises:
            NonFiniteScoreError: If a score of what was seen is not a number.
        """
        scores = self(fused).float().sigmoid()
        broken = scores.isnan()
        if seen is not None:
            known = torch.cat([seen.any(1, keepdim=True), seen], dim=1)
            scores = scores.masked_fill(~known, torch.nan)
            broken &= known
        if broken.any():
            raise NonFiniteScoreError(
                f"The model gave no number as score of {int(broken.any(1).sum())} of {len(scores)} "
                "clips that were read: its weights are damaged, or too large for the precision; "
                "nothing is wrong with the clips. Use another checkpoint, or no half precision."
            )
        for sample, clip_scores in zip(data_samples, scores, strict=True):
            sample.pred_scores = clip_scores
        return list(data_samples)


def _labels_of(sample: ForgeryDataSample) -> Tensor:
    """Return the labels of overall, video and audio, (3,) int64."""
    missing = [name for name in _TARGETS.values() if name not in sample]
    if missing:
        raise ArgumentError(
            f"Expected data samples with {', '.join(_TARGETS.values())}, got one without "
            f"{', '.join(missing)}. Give a label that is not known as -1."
        )
    return torch.stack([sample.get(name) for name in _TARGETS.values()])


class SingleSampleBatchNorm1d(nn.BatchNorm1d):
    """Batch norm that uses its running statistics when a training batch has one sample.

    PyTorch raises there, which ends an epoch whose last batch on one device has a single clip.
    The running statistics are not updated in that case.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised (B, C), the same shape."""
        if self.training and input.shape[0] == 1:
            return F.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(input)
