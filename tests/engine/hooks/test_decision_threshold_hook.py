from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from torch import nn

from macbdf_mm.engine.hooks import DecisionThresholdHook
from macbdf_mm.engine.hooks.decision_threshold_hook import (
    calibration_of,
    read_proposals,
    read_real_windows,
    read_thresholds,
    store_calibration,
    store_proposals,
    store_real_windows,
    store_thresholds,
)
from macbdf_mm.errors import ConfigError
from macbdf_mm.evaluation.functional.localisation.proposals import ProposalSettings
from macbdf_mm.evaluation.functional.real_windows import RealWindows
from macbdf_mm.evaluation.functional.uncertain_band import UncertainBand
from macbdf_mm.evaluation.metrics import ForgeryMetric
from macbdf_mm.evaluation.score_calibration import ScoreCalibration

FIGURES = {
    "overall/threshold": 0.25,
    "video/threshold": 0.5,
    "audio/threshold": 0.75,
    "is_threshold_fitted": 1.0,
}
PROPOSALS = ProposalSettings((0.3, 0.7), 0.35, 0.1, "contrast", 0.3, 1.0, 50)


@pytest.fixture
def model():
    model = nn.Linear(1, 1)
    model.register_buffer("decision_threshold", torch.full((3,), 0.5))
    model.register_buffer("is_threshold_fitted", torch.tensor(False))
    model.register_buffer("real_windows", torch.zeros(3, 68, dtype=torch.float64))
    model.register_buffer("proposal_settings", torch.zeros(3, 24, dtype=torch.float64))
    model.register_buffer("calibration", torch.zeros(3, 518, dtype=torch.float64))
    model.register_buffer("uncertain_band", torch.zeros(8, dtype=torch.float64))
    return model


CALIBRATION = ScoreCalibration(
    {
        "overall": {"method": "platt", "num_real": 9, "num_fake": 8, "slope": 0.5, "bias": 0.1},
        "video": {"method": "temperature", "num_real": 7, "num_fake": 6, "temperature": 3.0},
        "audio": {"method": "none", "num_real": 0, "num_fake": 5},
    },
    UncertainBand(0.3, 0.7, 0.1, 0.95, 0.08, 80, 3, 100),
)


def run_of(model, metric=None, phase="val"):
    loop = SimpleNamespace(evaluator=Evaluator(metric or ForgeryMetric(fit_threshold=True)))
    return SimpleNamespace(model=model, **{f"{phase}_loop": loop})


def test_validation_writes_into_the_buffers(model):
    metric = ForgeryMetric(fit_threshold=True)
    metric.real_windows["video"] = RealWindows.fit(np.linspace(0.1, 0.6, 100))
    metric.proposals = {"audio": PROPOSALS}
    metric.calibration = CALIBRATION
    DecisionThresholdHook().after_val_epoch(run_of(model, metric), FIGURES)
    assert calibration_of(model.state_dict()) == CALIBRATION
    assert model.decision_threshold.tolist() == [0.25, 0.5, 0.75]
    assert bool(model.is_threshold_fitted)
    assert model.state_dict()["decision_threshold"].tolist() == [0.25, 0.5, 0.75]
    stored = read_real_windows(model)
    assert stored["video"].values.tolist() == metric.real_windows["video"].values.tolist()
    assert stored["audio"].values.tolist() == RealWindows.unfitted().values.tolist()
    # As if nothing were known, which predictions say, and flag nothing.
    assert not model.real_windows[2].any()
    assert read_proposals(model) == {"audio": PROPOSALS}


def test_prefix_of_the_metric(model):
    figures = {f"val/{key}": value for key, value in FIGURES.items()}
    DecisionThresholdHook(prefix="val").after_val_epoch(run_of(model), figures)
    assert model.decision_threshold[0] == 0.25


@pytest.mark.parametrize("phase", ["val", "test"])
def test_metrics_get_the_thresholds_of_the_model(model, phase):
    store_thresholds(model, [0.25, 0.5, 0.75], is_fitted=True)
    metric = ForgeryMetric()
    fitted = RealWindows.fit(np.linspace(0.1, 0.6, 100))
    store_real_windows(model, dict.fromkeys(("overall", "video", "audio"), fitted))
    store_proposals(model, {"audio": PROPOSALS})
    store_calibration(model, CALIBRATION)
    getattr(DecisionThresholdHook(), f"before_{phase}_epoch")(run_of(model, metric, phase))
    assert metric.proposals == {"audio": PROPOSALS}
    assert metric.real_windows["overall"].values.tolist() == fitted.values.tolist()
    assert metric.calibration == CALIBRATION
    assert metric.thresholds == {"overall": 0.25, "video": 0.5, "audio": 0.75}
    assert metric.is_threshold_fitted


def test_thresholds_are_written_where_the_weights_are(model):
    buffer = model.decision_threshold
    store_thresholds(model, [0.1, 0.2, 0.3], is_fitted=False)
    assert model.decision_threshold is buffer
    assert buffer.dtype == torch.float32
    assert read_thresholds(model)[1] is False


def test_weights_of_before_have_no_calibration(model):
    weights = {k: v for k, v in model.state_dict().items() if k != "calibration"}
    assert calibration_of(weights) == ScoreCalibration.none()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu(model):
    model = model.cuda()
    store_thresholds(model, [0.25, 0.5, 0.75], is_fitted=True)
    assert model.decision_threshold.is_cuda
    assert model.is_threshold_fitted.is_cuda
    store_calibration(model, CALIBRATION)
    assert calibration_of(model.state_dict()) == CALIBRATION
    thresholds, is_fitted = read_thresholds(model)
    assert (thresholds["audio"], is_fitted) == (0.75, True)


def test_validation_without_a_forgery_metric(model):
    with pytest.raises(ConfigError, match="found no 'overall/threshold' among the validation"):
        DecisionThresholdHook().after_val_epoch(SimpleNamespace(model=model), {"acc": 1.0})


def test_model_without_the_buffers():
    with pytest.raises(ConfigError, match="needs the buffer `decision_threshold`, which Linear"):
        read_thresholds(nn.Linear(1, 1))
