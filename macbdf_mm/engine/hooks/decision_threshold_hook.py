"""Carry decision thresholds from validation into the model, and from the model into tests."""

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.dist import broadcast_object_list
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from macbdf_mm.engine.unwrap import bare_model
from macbdf_mm.errors import ConfigError
from macbdf_mm.evaluation.functional.localisation.proposals import ProposalSettings
from macbdf_mm.evaluation.functional.real_windows import RealWindows
from macbdf_mm.evaluation.metric_table import METRIC_TABLE
from macbdf_mm.evaluation.metrics import ForgeryMetric
from macbdf_mm.evaluation.score_calibration import ScoreCalibration
from macbdf_mm.registry import HOOKS
from macbdf_mm.structures.labels import TRACKS


@HOOKS.register_module()
class DecisionThresholdHook(Hook):
    """Stores what was chosen on validation data in the model's buffers.

    That is the thresholds, the distribution of the scores of real windows by which windows are
    aggregated, the settings by which step scores become intervals, and the calibration of scores
    with the uncertain band. So they travel in its checkpoint, and an accuracy on test data uses
    them without having seen that data. The model needs the buffers ``decision_threshold``, float32
    of shape (3,) for overall, video, audio, ``is_threshold_fitted``, bool of shape (), and
    ``real_windows``, ``proposal_settings``, ``calibration`` and ``uncertain_band``, float64 of
    shapes (3, 68), (3, 24), (3, 518) and (8,), which a ``BaseForgeryDetector`` has; the validation
    set needs a ``ForgeryMetric`` with ``fit_threshold=True``.

    The hook runs before the checkpoint hook, which saves the epoch's checkpoint again after
    its validation.

    Args:
        prefix: The ``prefix`` of that metric.
    """

    priority = "NORMAL"

    def __init__(self, prefix: str = "") -> None:
        self.prefix = f"{prefix}/" if prefix else ""

    def before_val_epoch(self, runner: Runner) -> None:
        """Hand what the model carries to the metrics, which keep it where they cannot fit."""
        _hand_over(bare_model(runner), runner.val_loop.evaluator)

    def before_test_epoch(self, runner: Runner) -> None:
        """Hand what the model carries to the metrics."""
        _hand_over(bare_model(runner), runner.test_loop.evaluator)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Store what the validation metric has chosen.

        Raises:
            ConfigError: If the validation metrics hold no thresholds.
        """
        figures = metrics or {}
        wanted = [self.prefix + METRIC_TABLE["threshold"].key(track) for track in TRACKS]
        missing = [key for key in wanted if key not in figures]
        if missing:
            raise ConfigError(
                f"DecisionThresholdHook found no '{missing[0]}' among the validation metrics: "
                "`val_evaluator` needs a ForgeryMetric, and its `prefix` must be the hook's."
            )
        is_fitted = bool(figures[f"{self.prefix}is_threshold_fitted"])
        model = bare_model(runner)
        store_thresholds(model, [figures[key] for key in wanted], is_fitted)
        for metric in _forgery_metrics(runner.val_loop.evaluator):
            if metric.fit_threshold:
                # Figures are the same on all ranks, but only the first one has computed them.
                shared: list[Any] = [metric.real_windows, metric.proposals, metric.calibration]
                broadcast_object_list(shared)
                store_real_windows(model, shared[0])
                store_proposals(model, shared[1])
                store_calibration(model, shared[2])


def store_thresholds(model: nn.Module, thresholds: list[float], is_fitted: bool) -> None:
    """Write thresholds of overall, video and audio into a model's buffers."""
    _buffer(model, "decision_threshold").copy_(torch.tensor(thresholds))
    _buffer(model, "is_threshold_fitted").fill_(is_fitted)


def read_thresholds(model: nn.Module) -> tuple[Mapping[str, float], bool]:
    """Return the thresholds by track name, and whether they were fitted."""
    values = _buffer(model, "decision_threshold").tolist()
    is_fitted = bool(_buffer(model, "is_threshold_fitted"))
    return dict(zip(TRACKS, values, strict=True)), is_fitted


def store_real_windows(model: nn.Module, real_windows: Mapping[str, RealWindows]) -> None:
    """Write the distributions of overall, video and audio into a model's buffer.

    Zeros stand for one that was not fitted: nothing is flagged by a guess.
    """
    unfitted = RealWindows.unfitted().values
    for row, track in zip(_buffer(model, "real_windows"), TRACKS, strict=True):
        values = torch.from_numpy(real_windows[track].values)
        row.copy_(values if (values.numpy() != unfitted).any() else torch.zeros_like(values))


def read_real_windows(model: nn.Module) -> dict[str, RealWindows]:
    """Return the distributions by track name; uniform where none was fitted."""
    values = _buffer(model, "real_windows").cpu().numpy()
    return {
        track: RealWindows.from_values(row) if row.any() else RealWindows.unfitted()
        for track, row in zip(TRACKS, values, strict=True)
    }


def store_proposals(model: nn.Module, proposals: Mapping[str, ProposalSettings]) -> None:
    """Write the settings of overall, video and audio into a model's buffer.

    Zeros stand for a track without any.
    """
    buffer = _buffer(model, "proposal_settings")
    for row, track in zip(buffer, TRACKS, strict=True):
        values = proposals[track].values if track in proposals else 0.0
        row.copy_(torch.as_tensor(values))


def read_proposals(model: nn.Module) -> dict[str, ProposalSettings]:
    """Return the settings by track, without those that were not fitted."""
    values = _buffer(model, "proposal_settings").cpu().numpy()
    read = {
        track: ProposalSettings.from_values(row) for track, row in zip(TRACKS, values, strict=True)
    }
    return {track: settings for track, settings in read.items() if settings is not None}


def store_calibration(model: nn.Module, calibration: ScoreCalibration) -> None:
    """Write calibration and uncertain band into a model's buffers."""
    _buffer(model, "calibration").copy_(torch.from_numpy(calibration.map_values))
    _buffer(model, "uncertain_band").copy_(torch.from_numpy(calibration.band_values))


def calibration_of(weights: Mapping[str, torch.Tensor]) -> ScoreCalibration:
    """Return the calibration among the weights of a model; one without effect if it has none."""
    found = [weights.get(name) for name in ("calibration", "uncertain_band")]
    if found[0] is None or found[1] is None:
        return ScoreCalibration.none()
    return ScoreCalibration.from_values(
        *(values.cpu().numpy() for values in found if values is not None)
    )


def _hand_over(model: nn.Module, evaluator: Evaluator) -> None:
    thresholds, is_fitted = read_thresholds(model)
    for metric in _forgery_metrics(evaluator):
        metric.set_thresholds(thresholds, is_fitted)
        metric.real_windows = read_real_windows(model)
        metric.proposals = read_proposals(model)
        metric.calibration = calibration_of(dict(model.named_buffers(recurse=False)))


def _forgery_metrics(evaluator: Evaluator) -> list[ForgeryMetric]:
    return [metric for metric in evaluator.metrics if isinstance(metric, ForgeryMetric)]


def _buffer(model: nn.Module, name: str) -> torch.Tensor:
    found = dict(model.named_buffers(recurse=False))
    if name not in found:
        raise ConfigError(
            f"DecisionThresholdHook needs the buffer `{name}`, which "
            f"{type(model).__name__} does not have; remove the hook from the config."
        )
    return found[name]
