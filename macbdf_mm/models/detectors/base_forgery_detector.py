"""What training, testing and prediction expect of any detector."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from macbdf_mm.errors import ArgumentError
from macbdf_mm.registry import MODELS, build_part
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample


class BaseForgeryDetector(BaseModel):
    """A detector that the hooks, the metrics and the inferencer can work with.

    A detector derives from it and writes :meth:`forward`. What is fitted on validation data and
    has to travel with the weights stands here, in buffers: ``DecisionThresholdHook`` writes the
    thresholds, the distribution of real windows, how steps become intervals, and the calibration
    of scores; tests and ``ForgeryInferencer`` read them.

    Args:
        data_preprocessor: Config of the data preprocessor, or the preprocessor.
        init_cfg: MMEngine's initialisation.

    Attributes:
        decision_threshold: (3,) float32, scores of overall, video and audio from which a clip
            counts as fake; set from validation data, kept in checkpoints.
        is_threshold_fitted: () bool, False while the thresholds are the 0.5 of the start.
        real_windows: (3, 68) float64, how the scores of real windows are distributed, for the
            same three: ``values`` of a ``RealWindows`` each; all zero until they are known.
        proposal_settings: (3, 24) float64, how step scores become intervals, for the same three:
            ``values`` of ``ProposalSettings`` each; all zero until they are known.
        calibration: (3, 518) float64, ``map_values`` of a ``ScoreCalibration``; all zero until
            there is one.
        uncertain_band: (8,) float64, its ``band_values``.
        optional_weights: Buffers that a checkpoint may lack, as earlier versions wrote it.
    """

    optional_weights = ("calibration", "uncertain_band")

    decision_threshold: Tensor
    is_threshold_fitted: Tensor
    real_windows: Tensor
    proposal_settings: Tensor
    calibration: Tensor
    uncertain_band: Tensor

    def __init__(
        self,
        data_preprocessor: Mapping[str, Any] | nn.Module | None = None,
        init_cfg: Mapping[str, Any] | None = None,
    ) -> None:
        if data_preprocessor is not None:
            data_preprocessor = build_part(MODELS, data_preprocessor)
        super().__init__(data_preprocessor, init_cfg)
        self.register_buffer("decision_threshold", torch.full((3,), 0.5))
        self.register_buffer("is_threshold_fitted", torch.tensor(False))
        self.register_buffer("real_windows", torch.zeros(3, 68, dtype=torch.float64))
        self.register_buffer("proposal_settings", torch.zeros(3, 24, dtype=torch.float64))
        self.register_buffer("calibration", torch.zeros(3, 518, dtype=torch.float64))
        self.register_buffer("uncertain_band", torch.zeros(8, dtype=torch.float64))

    @abstractmethod
    def forward(
        self,
        inputs: Mapping[str, Tensor],
        data_samples: Sequence[ForgeryDataSample] | None = None,
        mode: str = "tensor",
    ) -> Tensor | dict[str, Tensor] | list[ForgeryDataSample]:
        """Return losses, predictions or logits, by ``mode``.

        Args:
            inputs: ``video`` (B, 3, T, H, W), ``video_mask`` (B, T) bool, ``spectrogram``
                (B, 1, F, N), ``audio_mask`` (B, N) bool, from the data preprocessor, and perhaps
                ``is_video_full`` and ``is_audio_full``, which say that all of a mask is True.
            data_samples: B samples: labels for 'loss', to be written to for 'predict'.
            mode: 'loss' (a dict of scalars; those whose names contain "loss" are added up, the
                others only logged), 'predict' (samples with ``pred_scores``, and with
                ``pred_video_steps`` and ``pred_audio_steps`` if there is a frame-level head) or
                'tensor' (logits (B, 3) of overall, video, audio).

        Raises:
            ValueError: If the mode is another, or 'loss' has no data samples.
        """

    def val_step(self, data: Any) -> list[ForgeryDataSample]:
        """Return the predictions of a batch, as MMEngine does, which may be kept."""
        return super().val_step(_with_own_memory(data))

    def test_step(self, data: Any) -> list[ForgeryDataSample]:
        """Return the predictions of a batch, as MMEngine does, which may be kept."""
        return super().test_step(_with_own_memory(data))

    @staticmethod
    def check_mode(mode: str, data_samples: Sequence[ForgeryDataSample] | None) -> None:
        """Raise ValueError before anything is computed in vain; arguments as :meth:`forward`."""
        if mode not in ("loss", "predict", "tensor"):
            raise ArgumentError(f"Expected `mode` 'loss', 'predict' or 'tensor', got {mode!r}.")
        if mode == "loss" and data_samples is None:
            raise ArgumentError("Expected `data_samples` with labels for mode='loss', got None.")


def _with_own_memory(data: Any) -> Any:
    """Return a batch whose data samples keep no shared memory of loading workers.

    Metrics keep the samples until the end of a test, and each such tensor needs a file descriptor,
    of which a process has few.
    """
    samples = data.get("data_samples") if isinstance(data, Mapping) else None
    if not samples:
        return data
    owned = []
    for sample in samples:
        fields = dict(sample.items())
        shared = {k: v.clone() for k, v in fields.items() if isinstance(v, Tensor) and _shares(v)}
        owned.append(sample.new(**{**fields, **shared}))
    return {**data, "data_samples": owned}


def _shares(tensor: Tensor) -> bool:
    return tensor.is_cpu and tensor.is_shared()
