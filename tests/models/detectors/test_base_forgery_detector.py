"""A detector of a few lines has all that hooks and the inferencer ask for."""

import pytest
import torch
from torch import nn

from macbdf_mm.apis.load_model import load_weights
from macbdf_mm.engine.hooks.decision_threshold_hook import read_thresholds, store_thresholds
from macbdf_mm.errors import CheckpointMismatchError
from macbdf_mm.models.data_preprocessors.forgery_data_preprocessor import ForgeryDataPreprocessor
from macbdf_mm.models.detectors.base_forgery_detector import BaseForgeryDetector


class MeanBrightness(BaseForgeryDetector):
    """The shortest detector: three logits from one number a clip."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.classifier = nn.Linear(1, 3)

    def forward(self, inputs, data_samples=None, mode="tensor"):
        self.check_mode(mode, data_samples)
        return self.classifier(inputs["video"].flatten(1).mean(dim=1, keepdim=True))


def test_thresholds_start_at_one_half_and_are_what_the_hook_moves():
    detector = MeanBrightness()
    assert read_thresholds(detector) == ({"overall": 0.5, "video": 0.5, "audio": 0.5}, False)
    store_thresholds(detector, [0.25, 0.5, 0.75], True)
    assert read_thresholds(detector) == ({"overall": 0.25, "video": 0.5, "audio": 0.75}, True)
    other = MeanBrightness()
    other.load_state_dict(detector.state_dict())
    assert read_thresholds(other) == read_thresholds(detector)


def test_the_buffers_are_these_and_no_others():
    """Keys are strict: a further one that is not optional would refuse earlier checkpoints."""
    assert list(MeanBrightness().state_dict()) == [
        "decision_threshold",
        "is_threshold_fitted",
        "real_windows",
        "proposal_settings",
        "calibration",
        "uncertain_band",
        "classifier.weight",
        "classifier.bias",
    ]
    assert MeanBrightness().is_threshold_fitted.dtype == torch.bool


def test_a_checkpoint_of_before_there_was_a_calibration_is_loaded():
    detector = MeanBrightness()
    weights = MeanBrightness().state_dict()
    detector.calibration.fill_(1.0)
    lacking = {k: v for k, v in weights.items() if k not in ("calibration", "uncertain_band")}
    load_weights(detector, lacking, "old.pth")
    assert not detector.calibration.any(), "nothing of another checkpoint stays"
    del lacking["real_windows"]
    with pytest.raises(CheckpointMismatchError, match=r"1 weights of .* missing \(such as real_w"):
        load_weights(detector, lacking, "old.pth")


def test_a_data_preprocessor_is_looked_up_in_this_package_first():
    detector = MeanBrightness(data_preprocessor=dict(type="ForgeryDataPreprocessor"))
    assert isinstance(detector.data_preprocessor, ForgeryDataPreprocessor)
    built = ForgeryDataPreprocessor()
    assert MeanBrightness(data_preprocessor=built).data_preprocessor is built


def test_a_detector_without_forward_is_refused():
    class Nothing(BaseForgeryDetector):
        pass

    with pytest.raises(TypeError, match=r"abstract method '?forward"):
        Nothing()


def test_modes_are_checked():
    inputs = {"video": torch.zeros(2, 3, 4, 8, 8)}
    assert MeanBrightness()(inputs).shape == (2, 3)
    with pytest.raises(ValueError, match="`mode` 'loss', 'predict' or 'tensor', got 'train'"):
        MeanBrightness()(inputs, mode="train")
    with pytest.raises(ValueError, match="`data_samples` with labels for mode='loss', got None"):
        MeanBrightness()(inputs, mode="loss")
