"""What a run was like after each epoch: losses, and figures of the validation and the test."""

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from macbdf_mm.structures.labels import TRACKS

_MEASURES = ("auc", "acc", "balanced_acc", "threshold")
# What OMParetoLogHook logs; at an interval of one iteration each value is of its own step.
_LOGGED = "train/om_pareto/"


class EpochRecordHook(Hook):
    """Tests after each validation, and keeps means of the losses and the figures.

    The test uses the thresholds that the validation of the same epoch has chosen. Nothing is
    chosen by its figures; they are only recorded.

    Attributes:
        records: One entry an epoch: ``epoch`` from 1, ``losses`` (means over the epoch's
            iterations), ``om_pareto`` (means of what ``OMParetoLogHook`` logs of a step, such
            as ``video/cos``; empty without it), ``val`` and ``test`` (AUC, accuracies and
            threshold by track).
    """

    # After the hooks that store thresholds and that log.
    priority = "LOWEST"

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self._losses = _Means()
        self._logged = _Means()

    def before_train_epoch(self, runner: Runner) -> None:
        """Start an epoch's means."""
        self._losses, self._logged = _Means(), _Means()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Add the losses of an iteration, and what was logged of its step."""
        for name, value in (outputs or {}).items():
            self._losses.add(name, torch.as_tensor(value).item())
        for key, buffer in runner.message_hub.log_scalars.items():
            if key.startswith(_LOGGED):
                self._logged.add(key.removeprefix(_LOGGED), float(buffer.current()))

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Test, and keep what the epoch was like."""
        tested = runner.test_loop.run()
        self.records.append(
            {
                "epoch": runner.epoch,
                "losses": self._losses.means(),
                "om_pareto": self._logged.means(),
                "val": track_figures(metrics or {}),
                "test": track_figures(tested),
            }
        )


class _Means:
    """Means of named numbers that come one by one."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def add(self, name: str, value: float) -> None:
        self._sums[name] = self._sums.get(name, 0.0) + value
        self._counts[name] = self._counts.get(name, 0) + 1

    def means(self) -> dict[str, float]:
        return {name: total / self._counts[name] for name, total in self._sums.items()}


def track_figures(figures: Mapping[str, float]) -> dict[str, float]:
    """Return AUC, accuracies and threshold of the three tracks, keys like ``overall/auc``."""
    wanted = [f"{track}/{measure}" for track in TRACKS for measure in _MEASURES]
    return {key: float(figures[key]) for key in wanted if key in figures}
