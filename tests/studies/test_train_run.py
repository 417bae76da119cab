from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import HistoryBuffer

from studies.train_run import EpochRecordHook, track_figures

FIGURES = {"overall/auc": 0.8, "video/acc": 0.5, "video/eer": 0.3, "num_videos": 4}


class Training:
    """What of a runner the hook sees; its test gives the figures that were set."""

    def __init__(self):
        self.epoch = 0
        self.message_hub = SimpleNamespace(log_scalars={})
        self.test_loop = SimpleNamespace(run=lambda: self.tested)
        self.tested = {}

    def log(self, **values):
        for name, value in values.items():
            buffer = self.message_hub.log_scalars.setdefault(
                name.replace("__", "/"), HistoryBuffer()
            )
            buffer.update(value)


def test_an_epoch_has_the_means_of_its_own_iterations():
    runner, hook = Training(), EpochRecordHook()
    for losses in ((4.0, 2.0), (1.0, 3.0)):
        hook.before_train_epoch(runner)
        for loss in losses:
            runner.log(train__om_pareto__video__cos=loss / 10, train__loss=99.0)
            hook.after_train_iter(
                runner, 0, outputs={"loss": torch.tensor(loss, requires_grad=True)}
            )
        hook.after_train_epoch(runner)
        runner.epoch += 1
        runner.tested = {**FIGURES, "overall/auc": 0.1 * runner.epoch}
        hook.after_val_epoch(runner, FIGURES)
    assert [record["epoch"] for record in hook.records] == [1, 2]
    assert [record["losses"] for record in hook.records] == [{"loss": 3.0}, {"loss": 2.0}]
    cosines = [record["om_pareto"]["video/cos"] for record in hook.records]
    assert cosines == pytest.approx([0.3, 0.2])
    assert [list(record["om_pareto"]) for record in hook.records] == [["video/cos"]] * 2
    assert hook.records[0]["val"] == {"overall/auc": 0.8, "video/acc": 0.5}
    assert hook.records[1]["test"]["overall/auc"] == pytest.approx(0.2)


def test_losses_that_come_in_some_iterations_only_are_averaged_over_these():
    runner, hook = Training(), EpochRecordHook()
    hook.before_train_epoch(runner)
    hook.after_train_iter(runner, 0, outputs={"a": 1.0, "b": torch.tensor(4.0)})
    hook.after_train_iter(runner, 1, outputs={"a": 3.0})
    hook.after_train_epoch(runner)
    assert hook.records == [{"epoch": 1, "losses": {"a": 2.0, "b": 4.0}, "om_pareto": {}}]


def test_only_figures_of_the_tracks_are_kept():
    assert track_figures(FIGURES) == {"overall/auc": 0.8, "video/acc": 0.5}
