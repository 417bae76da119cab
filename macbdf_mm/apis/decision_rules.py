"""What the weights of a detector know besides scoring: thresholds, calibration, real windows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from macbdf_mm.apis.caveats import weight_caveats
from macbdf_mm.engine.hooks.decision_threshold_hook import (
    calibration_of,
    read_proposals,
    read_real_windows,
)
from macbdf_mm.errors import ConfigError
from macbdf_mm.evaluation.functional.localisation.proposals import ProposalSettings
from macbdf_mm.evaluation.functional.real_windows import RealWindows
from macbdf_mm.evaluation.score_calibration import ScoreCalibration
from macbdf_mm.structures.labels import TRACKS


@dataclass(frozen=True)
class DecisionRules:
    """By what the scores of a detector become verdicts; all of it stands in its buffers.

    Attributes:
        thresholds: By track, the score from which it counts as fake.
        real_windows: By track, how the scores of real windows are distributed; None if unknown.
        proposals: By track, how step scores become intervals.
        calibration: What makes probabilities of scores.
        caveats: What is to be said of all scores of these weights.
    """

    thresholds: dict[str, float]
    real_windows: dict[str, RealWindows] | None
    proposals: dict[str, ProposalSettings]
    calibration: ScoreCalibration
    caveats: list[str]

    @classmethod
    def of(cls, model: nn.Module, checkpoint: Mapping[str, Any]) -> "DecisionRules":
        """Return the rules of a model that has its weights.

        Args:
            model: The detector.
            checkpoint: What the weights are from, which says what they were trained on.

        Raises:
            ConfigError: If the model has no thresholds.
        """
        owner = f"A model of type {type(model).__name__}"
        thresholds = thresholds_by_track(getattr(model, "decision_threshold", None), owner)
        is_fitted = bool(getattr(model, "is_threshold_fitted", False))
        known = getattr(model, "real_windows", None)
        are_windows_known = isinstance(known, torch.Tensor) and bool(known.any())
        calibration = calibration_of(dict(model.named_buffers(recurse=False)))
        return cls(
            thresholds,
            read_real_windows(model) if are_windows_known else None,
            read_proposals(model) if hasattr(model, "proposal_settings") else {},
            calibration,
            weight_caveats(checkpoint, is_fitted, are_windows_known, calibration),
        )


def thresholds_by_track(values: object, owner: str) -> dict[str, float]:
    """Return a model's decision thresholds by track.

    Args:
        values: Its buffer, if it has one.
        owner: Whose they are, as the beginning of a sentence.

    Raises:
        ConfigError: If the model has none.
    """
    if not isinstance(values, torch.Tensor):
        raise ConfigError(
            f"{owner} has no decision thresholds, so it cannot score files; expected one "
            "derived from BaseForgeryDetector."
        )
    return dict(zip(TRACKS, values.tolist(), strict=True))
