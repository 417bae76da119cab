"""Carry decision thresholds from validation into the model, and from the model into tests."""

from collections.abc import Mapping

import torch
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from macbdf_mm.engine.unwrap import bare_model
from macbdf_mm.errors import ConfigError
from macbdf_mm.evaluation.metric_table import METRIC_TABLE
from macbdf_mm.evaluation.metrics import ForgeryMetric
from macbdf_mm.registry import HOOKS
from macbdf_mm.structures.labels import TRACKS


@HOOKS.register_module()
class DecisionThresholdHook(Hook):
    """Stores the thresholds chosen on validation data in the model's buffers.

    So they travel in its checkpoint, and an accuracy on test data uses them without having seen
    that data. The model needs the buffers ``decision_threshold``, float32 of shape (3,) for
    overall, video, audio, and ``is_threshold_fitted``, bool of shape (), which a
    ``BaseForgeryDetector`` has; the validation set needs a ``ForgeryMetric`` with
    ``fit_threshold=True``.

    The hook runs before the checkpoint hook, which saves the epoch's checkpoint again after
    its validation.

    Args:
        prefix: The ``prefix`` of that metric.
    """

    priority = "NORMAL"

    def __init__(self, prefix: str = "") -> None:
        self.prefix = f"{prefix}/" if prefix else ""

    def before_val_epoch(self, runner: Runner) -> None:
        """Hand the model's thresholds to the metrics, which keep them where they cannot fit."""
        _hand_over(bare_model(runner), runner.val_loop.evaluator)

    def before_test_epoch(self, runner: Runner) -> None:
        """Hand the model's thresholds to the metrics."""
        _hand_over(bare_model(runner), runner.test_loop.evaluator)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Store the thresholds that the validation metric has chosen.

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
        store_thresholds(bare_model(runner), [figures[key] for key in wanted], is_fitted)


def store_thresholds(model: nn.Module, thresholds: list[float], is_fitted: bool) -> None:
    """Write thresholds of overall, video and audio into a model's buffers."""
    decision_threshold, is_threshold_fitted = _buffers(model)
    decision_threshold.copy_(torch.tensor(thresholds))
    is_threshold_fitted.fill_(is_fitted)


def read_thresholds(model: nn.Module) -> tuple[Mapping[str, float], bool]:
    """Return the thresholds by track name, and whether they were fitted."""
    decision_threshold, is_threshold_fitted = _buffers(model)
    values = decision_threshold.tolist()
    return dict(zip(TRACKS, values, strict=True)), bool(is_threshold_fitted)


def _hand_over(model: nn.Module, evaluator: Evaluator) -> None:
    thresholds, is_fitted = read_thresholds(model)
    for metric in evaluator.metrics:
        if isinstance(metric, ForgeryMetric):
            metric.set_thresholds(thresholds, is_fitted)


def _buffers(model: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    found = dict(model.named_buffers(recurse=False))
    for name in ("decision_threshold", "is_threshold_fitted"):
        if name not in found:
            raise ConfigError(
                f"DecisionThresholdHook needs the buffer `{name}`, which "
                f"{type(model).__name__} does not have; remove the hook from the config."
            )
    return found["decision_threshold"], found["is_threshold_fitted"]
