"""The metrics against torchmetrics, where it is installed."""

import numpy as np
import pytest

from macbdf_mm.evaluation.functional.detection import auc, average_precision, ece, eer

reference = pytest.importorskip("torchmetrics.functional.classification")
torch = pytest.importorskip("torch")


def draw(levels: int):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 400)
    scores = (generator.integers(0, levels, 400) + labels * levels / 3) / (2 * levels)
    return labels, scores, torch.tensor(scores), torch.tensor(labels)


@pytest.mark.parametrize("levels", [12, 10**6])
def test_metrics_equal_torchmetrics(levels):
    labels, scores, *tensors = draw(levels)
    area = float(reference.binary_auroc(*tensors))
    precision = float(reference.binary_average_precision(*tensors))
    # It computes in float32.
    assert auc(labels, scores) == pytest.approx(area, abs=1e-5)
    assert average_precision(labels, scores) == pytest.approx(precision, abs=1e-5)
    error = float(reference.binary_calibration_error(*tensors, n_bins=15, norm="l1"))
    assert ece(labels, scores) == pytest.approx(error, abs=1e-5)


def test_eer_lies_within_the_step_of_the_curve_that_torchmetrics_takes_the_middle_of():
    labels, scores, *tensors = draw(10**6)
    assert eer(labels, scores) == pytest.approx(float(reference.binary_eer(*tensors)), abs=0.005)
