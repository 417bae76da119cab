"""The hook by itself; what it does in a run is tested in tests/integration."""

import enum
import io
from collections import OrderedDict, deque
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import Dataset

from macbdf_mm.engine.hooks.plain_checkpoint_hook import plain_message_hub, to_plain
from macbdf_mm.registry import HOOKS, build_part


class Numbers(Dataset):
    metainfo = {"dataset": "numbers", "synthetic": False, "mean": np.array([1.0, 2.0])}

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return {"x": torch.tensor([float(index)])}


class Line(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.register_buffer("found", torch.zeros(()))

    def forward(self, x, mode="tensor"):
        y = self.layer(torch.stack(x))
        return {"loss": y.square().mean()} if mode == "loss" else list(y)


class Scores(BaseMetric):
    """A metric whose figure is given for each epoch."""

    default_prefix = ""

    def __init__(self, values):
        super().__init__()
        self.values = list(values)

    def process(self, data_batch, data_samples):
        self.results.extend(data_samples)

    def compute_metrics(self, results):
        value = self.values.pop(0)
        return {
            "overall/auc": np.float64(value),
            "overall/acc": 1 - value,
            "overall/eer": 1 - value,
        }


def run(folder: Path, scores, custom_hooks=(), resume=False, **options) -> Runner:
    loader = {"dataset": Numbers(), "sampler": {"type": "DefaultSampler", "shuffle": False}}
    runner = Runner(
        model=Line(),
        work_dir=str(folder),
        train_dataloader={**loader, "batch_size": 2, "num_workers": 0},
        val_dataloader={**loader, "batch_size": 2, "num_workers": 0},
        train_cfg={"by_epoch": True, "max_epochs": len(scores)},
        val_cfg={},
        val_evaluator=Evaluator(Scores(scores)),
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.1}},
        default_hooks={
            "checkpoint": {
                "type": "macbdf_mm.PlainCheckpointHook",
                "interval": 1,
                "save_best": "overall/auc",
                **options,
            }
        },
        custom_hooks=list(custom_hooks),
        resume=resume,
        experiment_name=str(folder).replace("/", "_"),
        log_level="ERROR",
    )
    runner.train()
    return runner


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.pth")}


def test_number_of_kept_checkpoints_and_the_best(tmp_path):
    runner = run(tmp_path, [0.5, 0.9, 0.7, 0.8], max_keep_ckpts=2)
    assert names(tmp_path) == {"epoch_3.pth", "epoch_4.pth", "best_overall_auc_epoch_2.pth"}
    assert Path((tmp_path / "last_checkpoint").read_text()).name == "epoch_4.pth"
    assert MessageHub.get_instance(runner.experiment_name).get_info("best_score") == 0.9


def test_all_are_kept_by_default(tmp_path):
    run(tmp_path, [0.9, 0.5])
    assert names(tmp_path) == {"epoch_1.pth", "epoch_2.pth", "best_overall_auc_epoch_1.pth"}


def test_content(tmp_path):
    run(tmp_path, [0.5])
    checkpoint = torch.load(tmp_path / "epoch_1.pth", weights_only=True)
    assert checkpoint["meta"]["training_data"] == {"dataset": "numbers", "synthetic": False}
    assert checkpoint["meta"]["dataset_meta"]["mean"] == [1.0, 2.0]
    assert checkpoint["message_hub"]["runtime_info"]["best_score"] == 0.5
    assert "optimizer" in checkpoint
    best = torch.load(tmp_path / "best_overall_auc_epoch_1.pth", weights_only=True)
    assert "optimizer" not in best


def test_epoch_checkpoint_knows_the_best_of_its_own_validation(tmp_path):
    """Otherwise a resumed run could not replace it."""
    run(tmp_path, [0.5, 0.9])
    checkpoint = torch.load(tmp_path / "epoch_2.pth", weights_only=True)
    best = checkpoint["message_hub"]["runtime_info"]["best_ckpt"]
    assert Path(best).name == "best_overall_auc_epoch_2.pth"


def test_a_checkpoint_is_saved_again_once_after_its_validation(tmp_path, monkeypatch):
    """MMEngine's hook does so itself where an epoch is the best one."""
    saved, save = [], Runner.save_checkpoint

    def note(self, out_dir, filename, *args, **kwargs):
        saved.append(filename)
        save(self, out_dir, filename, *args, **kwargs)

    monkeypatch.setattr(Runner, "save_checkpoint", note)
    run(tmp_path, [0.9, 0.5])
    assert saved.count("epoch_1.pth") == saved.count("epoch_2.pth") == 2
    assert saved.count("best_overall_auc_epoch_1.pth") == 1


def test_several_best_checkpoints(tmp_path):
    best = ["overall/auc", "overall/acc"]
    run(tmp_path, [0.2, 0.5, 0.4], save_best=best, max_keep_ckpts=1)
    assert names(tmp_path) == {
        "epoch_3.pth",
        "best_overall_auc_epoch_2.pth",
        "best_overall_acc_epoch_1.pth",
    }


def test_the_table_of_metrics_says_that_a_lower_eer_is_better(tmp_path):
    run(tmp_path, [0.2, 0.5, 0.4], save_best="overall/eer", max_keep_ckpts=1)
    assert names(tmp_path) == {"epoch_3.pth", "best_overall_eer_epoch_2.pth"}


def test_a_rule_that_is_given_counts(tmp_path):
    run(tmp_path, [0.5, 0.2], save_best="overall/eer", rule="greater", max_keep_ckpts=1)
    assert names(tmp_path) == {"epoch_2.pth", "best_overall_eer_epoch_2.pth"}


def test_leftovers_of_a_killed_run_are_removed(tmp_path):
    (tmp_path / ".epoch_1.0123abcd.part.pth").write_bytes(b"half")
    run(tmp_path, [0.5])
    assert not list(tmp_path.glob(".*"))


def test_unknown_argument_is_refused_at_once():
    with pytest.raises(TypeError, match=r"PlainCheckpointHook.* unexpected keyword .*'intervall'"):
        build_part(HOOKS, {"type": "PlainCheckpointHook", "intervall": 2})


class CountingHook(Hook):
    """Writes into the model after each validation, as DecisionThresholdHook does."""

    def after_val_epoch(self, runner, metrics=None):
        runner.model.found += 1


@pytest.mark.parametrize("is_averaged", [False, True])
def test_averaged_weights_come_with_the_buffers_of_their_validation(tmp_path, is_averaged):
    average = dict(type="EMAHook", momentum=0.5, update_buffers=is_averaged)
    runner = run(tmp_path, [0.5, 0.9], [average, CountingHook()])
    checkpoint = torch.load(tmp_path / "epoch_2.pth", weights_only=True)
    found = checkpoint["state_dict"]["found"]
    assert 0 < found < 2 if is_averaged else found == 2
    trained = runner.model.layer.weight
    assert torch.equal(checkpoint["ema_state_dict"]["module.layer.weight"], trained)
    assert not torch.equal(checkpoint["state_dict"]["layer.weight"], trained)


def test_averaging_resumes_exactly(tmp_path):
    def hooks():
        return [dict(type="EMAHook", momentum=0.5), CountingHook()]

    torch.manual_seed(0)
    whole = run(tmp_path / "whole", [0.5, 0.9], hooks())
    torch.manual_seed(0)
    run(tmp_path / "parts", [0.5], hooks())
    parts = run(tmp_path / "parts", [0.5, 0.9], hooks(), resume=True)
    assert parts.epoch == whole.epoch == 2
    for name in ("state_dict", "ema_state_dict"):
        one, two = (
            torch.load(tmp_path / folder / "epoch_2.pth", weights_only=True)[name]
            for folder in ("whole", "parts")
        )
        assert all(torch.equal(one[key], two[key]) for key in one)


def reload(value):
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array([[1, 2]]), [[1, 2]]),
        (Path("a/b"), "a/b"),
        (deque([1, np.int64(2)]), [1, 2]),
        (OrderedDict(a=np.float64(1), b=(np.int32(2), None)), {"a": 1.0, "b": (2, None)}),
        ({np.int64(1): "x"}, {1: "x"}),
    ],
)
def test_values_become_plain_and_load_safely(value, plain):
    result = to_plain(value)
    assert result == plain
    assert type(result) is type(plain)
    assert reload(result) == plain


def test_tensors_stay():
    tensor = torch.ones(2)
    assert to_plain({"a": [tensor]})["a"][0] is tensor


def test_the_original_is_not_changed():
    value = {"a": [np.float64(1)]}
    to_plain(value)
    assert isinstance(value["a"][0], np.float64)


class Colour(enum.Enum):
    RED = 1


def test_anything_else_is_named():
    with pytest.raises(TypeError, match=r"got Colour at 'meta\.list\[1\]'"):
        to_plain({"list": [0, Colour.RED]}, "meta")


def test_message_hub_loses_its_curves_only():
    state = {
        "log_scalars": OrderedDict(loss=HistoryBuffer([1.0], [1])),
        "runtime_info": OrderedDict(best_score=np.float64(0.9), epoch=3),
        "resumed_keys": OrderedDict(loss=True, best_score=True, epoch=True),
    }
    plain = plain_message_hub(state)
    assert reload(plain) == {
        "log_scalars": {},
        "runtime_info": {"best_score": 0.9, "epoch": 3},
        "resumed_keys": {"best_score": True, "epoch": True},
    }
