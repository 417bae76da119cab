import pytest
import torch
from torch import nn

from macbdf_mm.apis.caveats import UNFITTED_WINDOWS
from macbdf_mm.apis.decision_rules import DecisionRules, thresholds_by_track
from macbdf_mm.apis.load_model import build_model, load_checkpoint, load_weights
from macbdf_mm.errors import ConfigError


def test_the_rules_of_a_detector_are_those_of_its_buffers(run_dir):
    from mmengine.config import Config

    checkpoint = load_checkpoint(run_dir / "best_epoch_1.pth")
    model = build_model(Config.fromfile(run_dir / "macbdf_demo.py"))
    load_weights(model, checkpoint["state_dict"], "w")
    rules = DecisionRules.of(model, checkpoint)
    assert rules.thresholds == pytest.approx({"overall": 0.5, "video": 0.4, "audio": 0.6})
    assert rules.real_windows is not None
    assert not rules.calibration.is_fitted
    assert UNFITTED_WINDOWS not in rules.caveats
    model.real_windows.zero_()
    unknown = DecisionRules.of(model, checkpoint)
    assert unknown.real_windows is None
    assert UNFITTED_WINDOWS in unknown.caveats


def test_a_model_without_thresholds_is_refused():
    with pytest.raises(ConfigError, match="A model of type Linear has no decision thresholds"):
        DecisionRules.of(nn.Linear(1, 1), {})
    assert thresholds_by_track(torch.tensor([0.25, 0.5, 0.75]), "It") == {
        "overall": 0.25,
        "video": 0.5,
        "audio": 0.75,
    }
